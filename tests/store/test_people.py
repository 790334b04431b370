"""Reading what is known of people: whole pages, in order, and never another tenant's."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.engine import Connection

from clarion.edit import Edit
from clarion.preference import Preference, Watch
from clarion.recipient import Address, Recipient
from clarion.store import people, roster
from clarion.store.database import Database
from clarion.store.people import People
from tests.support.working import subscribed

TENANTS = ("default", "other")


def known(db: Database, *ids: str, tenant: str = "default", scopes: tuple[str, ...] = ("*",)) -> People:
    return db.read(lambda conn: people.read(conn, [(tenant, id) for id in ids], scopes))[tenant]


def write(db: Database, *edits: Edit, tenant: str = "default") -> None:
    db.run(lambda conn: roster.write(conn, tenant, edits, create=True))


# ── One-off addresses ────────────────────────────────────────────────────────────────────────────────────


def test_a_one_off_address_has_a_row_once_and_keeps_it(db: Database) -> None:
    one = Address("email", "x@y.test", "fr")

    def ensure() -> UUID:
        db.run(lambda conn: people.ensure_one_off(conn, "default", [one, one, Address("sms", "1")]))
        (stored,) = known(db, one.recipient).addresses[one.recipient]
        assert (stored.channel, stored.value, stored.locale, stored.gone) == (
            "email",
            "x@y.test",
            "fr",
            False,
        )
        return stored.id

    assert ensure() == ensure()
    assert known(db, one.recipient).recipients == {}
    db.run(lambda conn: people.ensure_one_off(conn, "default", []))


def test_the_same_address_in_two_languages_has_one_row(db: Database) -> None:
    both = [Address("email", "x@y.test", locale) for locale in ("fr", None, "de")]
    db.run(lambda conn: people.ensure_one_off(conn, "default", both))
    assert len(known(db, "email:x@y.test").addresses["email:x@y.test"]) == 1


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_at_once_and_none(db: Database) -> None:
    everybody = [f"r{n}" for n in range(500)]
    write(db, *(Edit(recipient=id) for id in everybody))
    found = known(db, *everybody, "nobody").recipients
    assert found == {id: Recipient(id=id) for id in everybody}
    assert db.read(lambda conn: people.read(conn, [], ["*"])) == {}


def test_only_the_scopes_and_topics_asked_for_are_read(db: Database) -> None:
    scopes = ("*", "type:cl.merged", "category:reviews")
    write(
        db,
        Edit(
            recipient="bob",
            preferences={(scope, "*"): {"enabled": True} for scope in scopes},
            topics={(topic,): {"level": "none"} for topic in ("a", "b")},
        ),
    )
    assert known(db, "bob", scopes=()).preferences == {}
    assert known(db, "bob", scopes=scopes[:2]).preferences["bob"] == [
        Preference(scope=scope, enabled=True) for scope in scopes[:2]
    ]
    asked = [
        ("default", "b", "bob"),
        ("default", "c", "bob"),
        ("default", "a", "carol"),
        ("other", "a", "bob"),
    ]
    found = db.read(lambda conn: people.read(conn, [(t, "bob") for t in TENANTS], (), asked))
    assert found["default"].watches == {"bob": [Watch(topic="b", level="none")]}
    assert found["other"].watches == {}


def test_who_only_subscribed_said_nothing_about_the_level(db: Database) -> None:
    write(db, Edit(recipient="bob", topics={("a",): {"subscribed": True}}))
    found = db.read(lambda conn: people.read(conn, [("default", "bob")], (), [("default", "a", "bob")]))
    assert found["default"].watches == {}


def followers(db: Database, topic: str, tenant: str = "default", most: int = 1000) -> list[str]:
    """All pages of them."""

    def page_after(last: str | None) -> list[str]:
        page = db.read(lambda conn: people.subscribers(conn, tenant, topic, after=last, most=most))
        assert len(page) <= most
        assert {candidate.reason for candidate in page} <= {"subscribed"}
        return [candidate.recipient for candidate in page]

    found = page = page_after(None)
    while page:
        page = page_after(page[-1])
        found = found + page
    return found


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_subscribers_are_paged_without_a_gap_or_a_repeat(db: Database, most: int) -> None:
    names = [f"r{n}" for n in range(7)] + ["Ähre", "z", "\U0001f600"]

    def write(conn: Connection) -> None:
        subscribed(conn, "cl/42", names)
        subscribed(conn, "cl/43", ["elsewhere"])

    db.run(write)
    found = followers(db, "cl/42", most=most)
    assert sorted(found) == sorted(names)
    assert len(found) == len(set(found))
    assert followers(db, "cl/42", "other") == []


# ── Tenants, and equality ────────────────────────────────────────────────────────────────────────────────


def test_tenants_never_mix(db: Database) -> None:
    for tenant in TENANTS:
        its = Edit(
            recipient="bob",
            own={"name": tenant},
            addresses=(Address("email", f"{tenant}@x.test"),),
            preferences={("*", "*"): {"channels": [tenant]}},
        )
        write(db, its, tenant=tenant)
    write(db, Edit(recipient="someone"), tenant="third")
    found = db.read(
        lambda conn: people.read(conn, [(tenant, "bob") for tenant in (*TENANTS, "third")], ["*"])
    )
    for tenant in TENANTS:
        assert found[tenant].recipients["bob"].name == tenant
        assert [a.value for a in found[tenant].addresses["bob"]] == [f"{tenant}@x.test"]
        assert found[tenant].preferences["bob"][0].channels == (tenant,)
    assert found["third"] == People({}, {}, {})
    write(db, Edit(recipient="bob", addresses=()))
    assert known(db, "bob").addresses == {}
    assert [a.value for a in known(db, "bob", tenant="other").addresses["bob"]] == ["other@x.test"]


def test_equal_circumstances_read_equal_whatever_the_order_of_writing(db: Database) -> None:
    channels = ("sms", "*", "email")
    values = (Address("sms", "1"), Address("email", "z@x.test"), Address("email", "a@x.test"))
    for of, order in (("bob", 1), ("carol", -1)):
        for channel in channels[::order]:
            write(db, Edit(recipient=of, preferences={("*", channel): {"enabled": True}}))
        for topic in ("b", "a")[::order]:
            write(db, Edit(recipient=of, topics={(topic,): {"level": "none"}}))
        write(db, Edit(recipient=of, addresses=values[::order]))
    both = [("default", id) for id in ("bob", "carol")]
    topics = [("default", topic, id) for topic in ("a", "b") for _, id in both]
    found = db.read(lambda conn: people.read(conn, both, ["*"], topics))["default"]
    assert found.preferences["bob"] == found.preferences["carol"]
    assert found.watches["bob"] == found.watches["carol"] == [Watch(topic=t, level="none") for t in "ab"]
    where = [[(a.channel, a.value) for a in found.addresses[id]] for _, id in both]
    assert where[0] == where[1] == [("email", "a@x.test"), ("email", "z@x.test"), ("sms", "1")]
