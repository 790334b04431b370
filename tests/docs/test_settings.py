"""The document about settings says what is declared, and what it shows can be read."""

from __future__ import annotations

from pathlib import Path

from clarion.settings.declared import SETTINGS
from clarion.settings.example import places
from clarion.settings.reading import read
from clarion.settings.setting import Setting
from tests.docs.code import ROOT, blocks

DOCUMENT = "docs/settings.md"


def row(setting: Setting) -> str:
    default = "" if setting.default is None else f"`{setting.kind.write(setting.default)}`"
    said = ", ".join(f"`{place}`" for place in places(setting))
    secret = " **Secret.**" if setting.secret else ""
    return f"| `{setting.key}` | {said} | {setting.says}{secret} | {setting.kind.name} | {default} |"


def test_the_table_lists_what_is_declared() -> None:
    lines = (ROOT / DOCUMENT).read_text(encoding="utf-8").splitlines()
    start = lines.index("| --- | --- | --- | --- | --- |") + 1
    rows = lines[start : lines.index("", start)]
    assert "\n".join(rows) == (right := "\n".join(map(row, SETTINGS))), f"the table should be:\n{right}"


def test_the_file_it_shows_is_one(tmp_path: Path) -> None:
    (shown,) = blocks(DOCUMENT, "toml")
    (tmp_path / "types.toml").touch()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "smtp").write_text("smtp://olga:hunter2@mail.test")
    (tmp_path / "clarion.toml").write_text(shown, encoding="utf-8")
    settings = read(environment={"CLARION_DATABASE": "sqlite:///app.db"}, folder=tmp_path)
    assert {key for key, one in settings.by_key.items() if one.said} >= {
        "mail.smtp",
        "caps.email.lane.per_second",
    }
