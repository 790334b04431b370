"""Counts are read by step and by type at one go, or only those that are asked for; folded or not, they are the same."""

from __future__ import annotations

from collections import Counter

import pytest

from clarion.store import tallies
from clarion.store.database import Database
from clarion.tally import LATENCY, Counts, Row, Span

SPAN = Span(first=483_333 * 60, last=483_336 * 60, step=60)  # three hours
ENDS = ("sent", "failed")


def counted(db: Database) -> None:
    """Of two types on two channels in three minutes of two hours, and of another tenant."""
    counts: Counts = Counter()
    for minute in (SPAN.first, SPAN.first + 1, SPAN.first + 60):
        counts["default", minute, "event", "", "note", ""] = 2
        for channel, type, number in (("email", "note", 3), ("email", "alarm", 4), ("inbox", "note", 5)):
            counts["default", minute, "sent", channel, type, ""] = number
            counts["default", minute, "failed", channel, type, "550"] = 1
        counts["default", minute, LATENCY, "email", "", "250"] = 7
        counts["other", minute, "sent", "email", "note", ""] = 100
    db.run(lambda conn: tallies.add(conn, counts))


@pytest.mark.parametrize("folded", [False, True])
def test_steps_and_types_are_read_at_one_go(db: Database, folded: bool) -> None:
    counted(db)
    if folded:
        db.run(tallies.fold)
    rows, types = db.read(lambda conn: tallies.read_with_types(conn, "default", SPAN))
    assert types == {
        "note": Counter(event=6, sent=24, failed=6),
        "alarm": Counter(sent=12, failed=3),
    }
    assert Row(SPAN.first, "sent", "email", "", 14) in rows
    assert Row(SPAN.first + 60, "failed", "email", "550", 2) in rows
    assert sorted(rows, key=repr) == sorted(
        db.read(lambda conn: tallies.read(conn, "default", SPAN)), key=repr
    )
    mine, of_type = db.read(
        lambda conn: tallies.read_with_types(conn, "default", SPAN, channel="email", type="alarm")
    )
    assert sorted((row.what, row.number) for row in mine) == [
        ("failed", 1),
        ("failed", 2),
        ("sent", 4),
        ("sent", 8),
    ]
    assert of_type == {"alarm": Counter(sent=12, failed=3)}


@pytest.mark.parametrize("folded", [False, True])
def test_how_often_some_of_it_happened(db: Database, folded: bool) -> None:
    counted(db)
    if folded:
        db.run(tallies.fold)
    found = db.read(lambda conn: tallies.often(conn, "default", SPAN, ENDS))
    assert sorted(found) == [
        (SPAN.first, "failed", 6),
        (SPAN.first, "sent", 24),
        (SPAN.first + 60, "failed", 3),
        (SPAN.first + 60, "sent", 12),
    ]
    only = db.read(lambda conn: tallies.often(conn, "default", SPAN, ("sent",), channel="inbox"))
    assert sorted(only) == [(SPAN.first, "sent", 10), (SPAN.first + 60, "sent", 5)]
