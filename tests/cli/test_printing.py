from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from clarion.cli.printing import instant, plain


def test_nothing_steers_the_terminal() -> None:
    assert plain("a\x1b[31mb\nc\u202ed") == "a�[31mb�c�d"
    assert plain("Grüße, 田中") == "Grüße, 田中"


def test_instants_are_in_utc() -> None:
    assert instant(datetime(2025, 6, 1, 12, tzinfo=timezone(timedelta(hours=2)))) == "2025-06-01T10:00:00Z"
    assert instant(datetime(2025, 6, 1, 12, tzinfo=UTC)) == "2025-06-01T12:00:00Z"
    assert instant(None) == ""
