from __future__ import annotations

from datetime import timedelta

import pytest

from clarion.cli.times import duration, instant, past_instant
from clarion.clock import now


def test_how_long() -> None:
    assert duration("--for", "90m") == timedelta(minutes=90)
    assert duration("--for", "366d") == timedelta(days=366)


@pytest.mark.parametrize("given", ["", "h", "2", "-2h", "2w", "2 h", "0d", "367d"])
def test_no_time_at_all(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        duration("--for", given)
    assert repr(given) in capsys.readouterr().err


def test_how_long_ago(capsys: pytest.CaptureFixture[str]) -> None:
    ago = past_instant("--since", "2h")
    assert ago is not None
    assert timedelta(hours=2) <= now() - ago < timedelta(hours=3)
    with pytest.raises(SystemExit, match="2"):
        past_instant("--since", "999999d")
    assert "before the calendar begins" in capsys.readouterr().err


def test_seconds_as_settings_have_them() -> None:
    assert duration("--for", "30s") == timedelta(seconds=30)


@pytest.mark.parametrize("given", ["99999999d", "9" * 5000 + "d"])
def test_longer_than_the_calendar(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        past_instant("--older-than", given)
    assert "before the calendar begins" in capsys.readouterr().err


def test_what_is_no_time_says_how_to_write_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        instant("--until", "morgen")
    assert (
        "--until 'morgen' is no time; write it such as 2025-06-01T10:00:00+02:00" in capsys.readouterr().err
    )
