"""What is made of settings is what they say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from clarion import Cap
from clarion.settings.making import make
from clarion.settings.reading import read
from clarion.settings.setting import WrongSettings
from tests.cli.conftest import TYPES


def test_all_of_it_arrives(tmp_path: Path) -> None:
    (tmp_path / "types.toml").write_text(TYPES)
    (tmp_path / "clarion.toml").write_text(
        """
        database = "sqlite:///app.db"
        types = "types.toml"
        name = "Acme"
        base_url = "https://acme.test"
        default_locale = "de"
        retention = "90d"
        metrics = "127.0.0.1:9464"
        log = "json"
        [mail]
        smtp = "smtp://localhost:2525"
        sender = "Acme <hello@acme.test>"
        reply_to = "us@acme.test"
        size = 3
        timeout = "7s"
        [worker]
        batch = 7
        grace = "3s"
        [caps.email]
        per_second = 14
        at_once = 20
        [caps.email.lane]
        per_second = 2
        """
    )
    clarion = make(read(environment={}, folder=tmp_path), with_types=True)
    wiring = clarion.worker()._wiring
    assert clarion.database.url.database == str(tmp_path / "app.db")
    assert set(clarion.types) == {"cl.merged"}
    assert clarion.retention == timedelta(days=90)
    assert repr(clarion.channels["email"]) == "Email('smtp://localhost:2525', sender='hello@acme.test')"
    assert (wiring.limits.batch, wiring.limits.grace) == (7, timedelta(seconds=3))
    assert wiring.caps == (
        Cap("email", per_second=14, at_once=20),
        Cap("email", per_second=2, each="lane"),
    )
    assert clarion.renderer.locale() == "de"
    assert not (tmp_path / "app.db").exists(), "nothing is opened"
    clarion.close()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "which Clarion? pass --app MODULE:NAME or --database URL"),
        ({"CLARION_DATABASE": "sqlite:///a.db"}, "which event types? pass --types FILE"),
    ],
)
def test_too_little(environment: Mapping[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=message.replace("?", r"\?")):
        make(read(environment=environment, folder=tmp_path), with_types=True)
