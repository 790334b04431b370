"""What recipients said, as rows: in part, nothing left behind where nothing is said, and a history of all of it."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from clarion.configuration import Entry, Followed
from clarion.edit import Edit
from clarion.preference import Preference
from clarion.severity import Severity
from clarion.store import choices, roster
from clarion.store.database import Database
from clarion.store.schema import preferences, subscriptions

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)
ALL = ("*", "*")

Choices = dict[tuple[str, ...], dict[str, Any]]


def write(db: Database, *edits: Edit, tenant: str = "default", by: str | None = None) -> None:
    db.run(lambda conn: roster.write(conn, tenant, edits, create=True, by=by))


def say(db: Database, at: tuple[str, str] = ALL, *, of: str = "bob", **values: Any) -> list[Preference]:
    write(db, Edit(recipient=of, preferences={at: values}))
    return said(db, of)


def follow(db: Database, topic: str, *, of: str = "bob", **values: Any) -> list[Followed]:
    write(db, Edit(recipient=of, topics={(topic,): values}))
    return db.read(lambda conn: choices.topics_of(conn, "default", of))


def said(db: Database, of: str = "bob", tenant: str = "default") -> list[Preference]:
    return db.read(lambda conn: choices.preferences_of(conn, tenant, of))


def history(db: Database, of: str = "bob", *, most: int = 100, before: int | None = None) -> list[Entry]:
    return db.read(lambda conn: choices.history(conn, "default", of, most=most, before=before))


def rows(db: Database, table: sa.Table) -> int:
    return db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


# ── Preferences ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "row",
    [
        Preference(scope="*", enabled=False),
        Preference(scope="type:cl.merged", channel="email", enabled=True),
        Preference(scope="category:reviews", channels=()),
        Preference(scope="category:reviews", channels=("inbox", "email")),
        Preference(scope="*", min_severity=Severity.INFO),
        Preference(scope="*", min_severity=Severity.URGENT, mode="digest", enabled=True, channels=("email",)),
    ],
    ids=str,
)
def test_a_preference_reads_back_as_it_was_said(db: Database, row: Preference) -> None:
    names = ("enabled", "channels", "min_severity", "mode")
    values = {name: getattr(row, name) for name in names if getattr(row, name) is not None}
    if "channels" in values:
        values["channels"] = list(values["channels"])
    assert say(db, (row.scope, row.channel), **values) == [row]


def test_each_value_changes_alone_and_a_row_that_says_nothing_is_no_more(db: Database) -> None:
    assert say(db, enabled=True) == [Preference(scope="*", enabled=True)]
    assert say(db, channels=[]) == [Preference(scope="*", enabled=True, channels=())]
    assert say(db, enabled=None) == [Preference(scope="*", channels=())]
    assert say(db, channels=None) == []
    assert say(db, channels=None) == []
    assert rows(db, preferences) == 0


def test_removing_one_row_leaves_its_neighbours(db: Database) -> None:
    for tenant in ("default", "other"):
        for of in ("bob", "carol"):
            both: Choices = {("*", channel): {"enabled": True} for channel in ("*", "email")}
            write(db, Edit(recipient=of, preferences=both), tenant=tenant)
    assert say(db, ("*", "email"), enabled=None) == [Preference(scope="*", enabled=True)]
    assert rows(db, preferences) == 7


# ── Topics ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_said_of_a_topic_is_kept_value_by_value(db: Database) -> None:
    assert follow(db, "a", level="mentions") == [Followed(topic="a", level="mentions")]
    assert follow(db, "a", subscribed=True, reason="author") == [
        Followed(topic="a", level="mentions", subscribed=True, reason="author")
    ]
    assert follow(db, "a", muted_until=LATER)[0].muted_until == LATER
    assert follow(db, "a", level=None, muted_until=None) == [
        Followed(topic="a", subscribed=True, reason="author")
    ]
    assert follow(db, "a", subscribed=False, reason=None) == []
    assert rows(db, subscriptions) == 0


def test_subscribing_again_keeps_the_day_on_which_it_began(db: Database) -> None:
    follow(db, "a", subscribed=True)
    began = db.read(lambda conn: conn.execute(sa.select(subscriptions.c.created_at)).scalar_one())
    follow(db, "a", level="all")
    assert db.read(lambda conn: conn.execute(sa.select(subscriptions.c.created_at)).scalar_one()) == began


def test_leaving_is_exact(db: Database) -> None:
    for of, topics in (("bob", "abc"), ("carol", "b")):
        for topic in topics:
            follow(db, topic, of=of, subscribed=True)
    write(db, Edit(recipient="bob", topics={("b",): {"subscribed": True}}), tenant="other")
    assert [f.topic for f in follow(db, "b", subscribed=False)] == ["a", "c"]
    assert follow(db, "never followed", subscribed=False) == follow(db, "a", subscribed=True)
    assert rows(db, subscriptions) == 4


# ── The history ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_change_is_told_the_newest_first(db: Database) -> None:
    write(db, Edit(recipient="bob", own={"name": "Bob", "enabled": False}), by="import")
    write(
        db, Edit(recipient="bob", preferences={("*", "email"): {"min_severity": Severity.ACTION}}), by="bob"
    )
    write(db, Edit(recipient="bob", preferences={("*", "email"): {"min_severity": None}}))
    write(db, Edit(recipient="bob", topics={("cl/42",): {"level": "none", "muted_until": LATER}}), by="bob")
    write(db, Edit(recipient="carol", own={"enabled": False}))
    told = [(entry.n, entry.by, entry.before, entry.after) for entry in history(db)]
    email = {"scope": "*", "channel": "email"}
    assert told == [
        (
            4,
            "bob",
            {"topic": "cl/42", "level": None, "muted_until": None},
            {"topic": "cl/42", "level": "none", "muted_until": LATER.isoformat()},
        ),
        (3, None, {**email, "min_severity": "action"}, {**email, "min_severity": None}),
        (2, "bob", {**email, "min_severity": None}, {**email, "min_severity": "action"}),
        (1, "import", {"enabled": True}, {"enabled": False}),
    ]
    assert [entry.n for entry in history(db, most=2)] == [4, 3]
    assert [entry.n for entry in history(db, most=2, before=3)] == [2, 1]
    assert db.read(lambda conn: choices.history(conn, "other", "bob", most=9, before=None)) == []


def test_what_changes_nothing_is_no_history(db: Database) -> None:
    say(db, enabled=True)
    say(db, enabled=True)
    say(db, mode=None)
    write(db, Edit(recipient="bob", own={"name": "Robert", "locale": "de", "active": False}))
    assert len(history(db)) == 1


def test_several_changes_at_once_are_several_entries_of_one_instant(db: Database) -> None:
    both: Choices = {("*", "*"): {"enabled": True}, ("*", "email"): {"mode": "digest"}}
    write(db, Edit(recipient="bob", own={"enabled": False}, preferences=both))
    assert [entry.n for entry in history(db)] == [3, 2, 1]
    assert len({entry.at for entry in history(db)}) == 1


def test_side_by_side_no_change_is_lost_and_the_history_is_a_chain(db: Database) -> None:
    """Eight threads set one another's value on one row, and values of their own on another."""
    write(db, Edit(recipient="bob"))

    def change(me: int) -> None:
        for turn in range(5):
            theirs: Choices = {
                ("*", "*"): {"channels": [f"{me}-{turn}"]},
                ("*", f"c{me}"): {"enabled": turn % 2 == 0},
            }
            write(db, Edit(recipient="bob", preferences=theirs), by=str(me))

    threads = [threading.Thread(target=change, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = history(db, most=1000)[::-1]
    assert [entry.n for entry in told] == list(range(1, len(told) + 1))
    shared = [entry for entry in told if entry.after["channel"] == "*"]
    assert len(shared) == 40
    for earlier, later in itertools.pairwise(shared):
        assert later.before == earlier.after
    assert {p.channel: p.enabled for p in said(db) if p.channel != "*"} == {f"c{n}": True for n in range(8)}
    assert [list(p.channels or ()) for p in said(db) if p.channel == "*"] == [shared[-1].after["channels"]]
