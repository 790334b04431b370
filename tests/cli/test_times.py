from __future__ import annotations

from datetime import timedelta

import pytest

from clarion.cli.times import duration, past_instant
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
