"""People who stand side by side are known as well as if each were looked up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from clarion.edit import Edit
from clarion.event_type import EventType, declare
from clarion.group import Everyone
from clarion.preference import scopes
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from clarion.store import crowds, people, roster, stretches
from clarion.store.database import Database
from clarion.store.people import People

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MERGED = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"]})
IN_APP = declare("cl.merged", {"category": "reviews", "channels": ["inbox"]})
TOPICS = ("cl/1", "app")
ODD = ["Zoe", "adam", "Ådne", "émile", "zoe", "a b", "a-b", "ab", "ß", "日本", "_", "A"]


def written(n: int, id: str) -> Edit:
    """Somebody who said something else than their neighbours."""
    own = [{}, {"enabled": False}, {"quiet_hours": {"daily": ["22:00-07:00"]}}, {"tags": {"exclude": ["x*"]}}]
    channels = [["inbox"], ["sms"], []][n % 3]
    return Edit(
        recipient=id,
        own={"name": id, "time_zone": "Europe/Berlin" if n % 2 else "UTC", **own[n % 4]},
        addresses=tuple(Address(c, f"{c}{id}", "de") for c in ("sms", "email")[: n % 3]),
        preferences={
            ("*", "email"): {"min_severity": Severity.WARNING},
            ("type:cl.merged", "*"): {"channels": channels},
            ("type:other", "*"): {"enabled": False},
        }
        if n % 4
        else {},
        topics={
            ("cl/1",): {"level": "mentions"},
            ("other",): {"level": "none"},
            ("app",): {"subscribed": True},
        }
        if n % 5
        else {("app",): {"level": "all"}},
    )


def standing(db: Database, ids: Sequence[str], tenant: str = "default") -> list[str]:
    """These people, in the order of the database."""
    edits = [written(n, id) for n, id in enumerate(ids)]
    db.run(lambda conn: roster.write(conn, tenant, edits, create=True))
    return db.read(lambda conn: crowds.members(conn, tenant, Everyone(), NOON, after="", most=10_000))


def side_by_side(db: Database, ids: Sequence[str], type: EventType = MERGED) -> People | None:
    return db.read(lambda conn: stretches.read(conn, "default", ids, type, TOPICS))


def each(db: Database, ids: Sequence[str], type: EventType = MERGED) -> People:
    asked = [("default", topic, id) for topic in TOPICS for id in ids]
    keys = [("default", id) for id in ids]
    return db.read(lambda conn: people.read(conn, keys, scopes(type), asked))["default"]


def nameless(known: People) -> dict[str, Recipient]:
    """The gates ask for nobody's name and language."""
    return {id: one._replace(name=None, locale=None) for id, one in known.recipients.items()}


@pytest.mark.parametrize("ids", [[f"r{n:03}" for n in range(60)], ODD], ids=["plain", "odd"])
def test_they_are_known_as_if_each_were_looked_up(db: Database, ids: list[str]) -> None:
    standing(db, ids, tenant="other")
    ordered = standing(db, ids)
    found, looked_up = side_by_side(db, ordered), each(db, ordered)
    assert found is not None
    assert found.recipients == nameless(looked_up)
    assert found.addresses == looked_up.addresses
    assert found.preferences == looked_up.preferences
    assert found.watches == looked_up.watches
    middle = side_by_side(db, ordered[3:9])
    assert middle is not None
    assert list(middle.recipients) == ordered[3:9], "nobody beyond them"


def test_of_those_told_in_app_only_who_asked_for_more_has_addresses(db: Database) -> None:
    ordered = standing(db, [f"r{n:03}" for n in range(30)])
    found, looked_up = side_by_side(db, ordered, IN_APP), each(db, ordered, IN_APP)
    assert found is not None
    more = {
        id for id, said in looked_up.preferences.items() if any("sms" in (one.channels or ()) for one in said)
    }
    assert found.addresses == {id: where for id, where in looked_up.addresses.items() if id in more}
    assert found.addresses


def test_of_those_who_stand_far_apart_each_is_looked_up(db: Database) -> None:
    ordered = standing(db, [f"r{n:03}" for n in range(60)])
    assert side_by_side(db, ordered[::10]) is None
    assert side_by_side(db, ordered[::2]) is not None


def test_whoever_has_many_rows_is_looked_up(db: Database) -> None:
    many = tuple(Address("email", f"{n}@x.test") for n in range(20))
    db.run(lambda conn: roster.write(conn, "default", [Edit(recipient="r1", addresses=many)], create=True))
    assert side_by_side(db, ["r1"]) is None
    assert side_by_side(db, ["r1"], IN_APP) is not None
