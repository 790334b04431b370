"""The annotated `clarion.toml`: TOML, and read again, it is what it was written of."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from clarion.settings.declared import SETTINGS
from clarion.settings.example import example, toml
from clarion.settings.reading import read
from clarion.settings.setting import Settings


def values(settings: Settings) -> dict[str, object]:
    return {one.setting.key: one.value for one in settings}


def test_the_example_is_read_as_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "clarion.toml").write_text(example(), encoding="utf-8")
    nothing = read(environment={}, folder=tmp_path / "nothing")
    assert values(read(environment={}, folder=tmp_path)) == values(nothing)
    assert example() == toml(nothing), "`clarion settings` prints it where nothing is said"
    assert max(map(len, example().splitlines())) <= 100


def test_every_line_of_it_may_be_said(tmp_path: Path) -> None:
    said = re.sub(r"(?m)^# (?=[a-z_]+ = )", "", example())
    assert len(re.findall(r"(?m)^[a-z_]+ = ", said)) == len(SETTINGS)
    (tmp_path / "types.toml").touch()
    (tmp_path / "templates").mkdir()
    # One of two, each time; and nobody is to sign with a secret that stands in a document.
    alone = re.sub(r"(?m)^(app|jwks) = .*$", "", said)
    alone = alone.replace("32 random bytes, as text", "x" * 32)
    (tmp_path / "clarion.toml").write_text(alone, encoding="utf-8")
    settings = read(environment={}, folder=tmp_path)
    for one in settings:
        if one.setting.default is not None:
            assert one.value == one.setting.default
        if one.setting.key not in ("app", "serve.tokens.jwks"):
            assert one.said
    assert tomllib.loads(said)["app"] == "shop.main:clarion"


def test_what_is_in_force_is_read_as_the_same(tmp_path: Path) -> None:
    (tmp_path / "held").write_text("smtp://olga:hunter2@mail.test")
    (tmp_path / "clarion.toml").write_text(
        """
        retention = "90d"
        name = 'Acme "\\'
        database = "sqlite:////srv/app.db"
        [mail]
        smtp_file = "held"
        sender = "Acme <g@acme.test>"
        [caps.email.lane]
        per_second = 0.5
        """
    )
    environment = {"CLARION_WORKER_BATCH": "7"}
    before = read({"verbose": True}, environment=environment, folder=tmp_path)
    text = toml(before)
    assert "hunter2" not in text
    assert '\nretention = "90d"  # from clarion.toml\n' in text
    assert "\nbatch = 7  # from CLARION_WORKER_BATCH\n" in text
    assert "\nverbose = true  # from --verbose\n" in text
    assert f'\nsmtp_file = "{tmp_path}/held"  # "smtp://olga:***@mail.test", from clarion.toml\n' in text
    (tmp_path / "clarion.toml").write_text(text)
    assert values(read(environment={}, folder=tmp_path)) == values(before)


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    environment = {
        "CLARION_DATABASE": "postgresql://olga:hunter2@db/shop?sslpassword=hunter2&sslmode=require",
        "CLARION_SMTP": "smtps://olga:hunter2@mail.test",
        "CLARION_SENDER": "a@acme.test",
    }
    text = toml(read(environment=environment, folder=tmp_path))
    shown = '"postgresql://olga:***@db/shop?sslpassword=***&sslmode=require"'
    assert f"\n# database = {shown}  # from CLARION_DATABASE; the secret is not shown\n" in text
    assert "hunt" not in text


def test_what_is_set_aside_says_so(tmp_path: Path) -> None:
    (tmp_path / "clarion.toml").write_text("[worker]\nbatch = 7")
    text = toml(read({"app": "shop:make"}, environment={}, folder=tmp_path))
    assert "\n# batch: clarion.toml; set aside, the application brings its own\n" in text
    assert '\napp = "shop:make"  # from --app\n' in text
