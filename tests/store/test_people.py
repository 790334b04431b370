"""Recipients and what is known of them: written, replaced, revived, paged, and never another tenant's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.preference import Preference
from clarion.recipient import Address, Recipient
from clarion.severity import Severity
from clarion.store import people
from clarion.store.database import Database
from clarion.store.people import People
from clarion.store.schema import preferences, recipients, subscriptions

TENANTS = ("default", "other")


def known(db: Database, *ids: str, tenant: str = "default", scopes: tuple[str, ...] = ("*",)) -> People:
    return db.read(lambda conn: people.read(conn, [(tenant, id) for id in ids], scopes))[tenant]


def where(db: Database, of: str = "bob", tenant: str = "default") -> list[tuple[str, str, bool]]:
    return [(a.channel, a.value, a.gone) for a in known(db, of, tenant=tenant).addresses.get(of, [])]


def ids(db: Database, of: str = "bob") -> dict[str, UUID]:
    return {a.value: a.id for a in known(db, of).addresses[of]}


# ── Their own rows ───────────────────────────────────────────────────────────────────────────────────────


def test_a_recipient_is_written_and_replaced(db: Database) -> None:
    first = Recipient(id="bob", name="Bob", locale="de", time_zone="Europe/Berlin")
    second = Recipient(id="bob", active=False, enabled=False)
    db.run(lambda conn: people.upsert(conn, "default", [first]))
    assert known(db, "bob").recipients == {"bob": first}
    created = db.read(lambda conn: conn.execute(sa.select(recipients)).one())
    db.run(lambda conn: people.upsert(conn, "default", [second]))
    assert known(db, "bob").recipients == {"bob": second}
    changed = db.read(lambda conn: conn.execute(sa.select(recipients)).one())
    assert changed.created_at == created.created_at
    assert changed.updated_at >= created.updated_at


def test_many_at_once_and_none(db: Database) -> None:
    everybody = [Recipient(id=f"r{n}") for n in range(500)]
    db.run(lambda conn: people.upsert(conn, "default", everybody))
    db.run(lambda conn: people.upsert(conn, "default", []))
    found = known(db, *(person.id for person in everybody), "nobody").recipients
    assert found == {person.id: person for person in everybody}
    assert db.read(lambda conn: people.read(conn, [], ["*"])) == {}


def test_replacing_a_recipient_keeps_what_they_said_and_where_they_are(db: Database) -> None:
    def write(conn: Connection) -> None:
        people.upsert(conn, "default", [Recipient(id="bob")])
        people.set_addresses(conn, "default", "bob", [Address("email", "b@x.test")])
        people.set_preferences(conn, "default", "bob", [Preference(scope="*", enabled=False)])
        people.upsert(conn, "default", [Recipient(id="bob", name="Robert")])

    db.run(write)
    assert where(db) == [("email", "b@x.test", False)]
    assert known(db, "bob").preferences["bob"] == [Preference(scope="*", enabled=False)]


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────


def set_to(db: Database, *wanted: Address) -> None:
    db.run(lambda conn: people.set_addresses(conn, "default", "bob", wanted))


def test_addresses_are_replaced_and_those_that_stay_keep_their_ids(db: Database) -> None:
    set_to(db, Address("email", "a@x.test"), Address("email", "b@x.test"), Address("sms", "1"))
    before = ids(db)
    set_to(db, Address("email", "b@x.test", "fr"), Address("email", "c@x.test"))
    assert where(db) == [("email", "b@x.test", False), ("email", "c@x.test", False)]
    assert ids(db)["b@x.test"] == before["b@x.test"]
    assert known(db, "bob").addresses["bob"][0].locale == "fr"
    set_to(db)
    assert where(db) == []


def test_a_dead_address_that_is_given_again_lives_again(db: Database) -> None:
    set_to(db, Address("email", "a@x.test"), Address("email", "b@x.test"))
    dead = ids(db)["a@x.test"]
    db.run(lambda conn: people.mark_gone(conn, "default", dead, "no such user"))
    assert where(db) == [("email", "a@x.test", True), ("email", "b@x.test", False)]
    set_to(db, Address("email", "a@x.test"))
    assert where(db) == [("email", "a@x.test", False)]
    assert ids(db)["a@x.test"] == dead


def test_an_address_is_marked_in_its_own_tenant_only(db: Database) -> None:
    set_to(db, Address("email", "a@x.test"))
    dead = ids(db)["a@x.test"]
    db.run(lambda conn: people.mark_gone(conn, "other", dead, "not yours"))
    assert where(db) == [("email", "a@x.test", False)]


def test_the_same_address_may_be_several_people_s(db: Database) -> None:
    for of in ("bob", "carol"):
        db.run(
            lambda conn, of=of: people.set_addresses(conn, "default", of, [Address("email", "team@x.test")])
        )
    assert where(db, "bob") == where(db, "carol") == [("email", "team@x.test", False)]


def test_a_one_off_address_has_a_row_once_and_stays_dead(db: Database) -> None:
    one = Address("email", "x@y.test", "fr")

    def ensure() -> None:
        db.run(lambda conn: people.ensure_one_off(conn, "default", [one, one, Address("sms", "1")]))

    ensure()
    (stored,) = known(db, one.recipient).addresses[one.recipient]
    assert (stored.channel, stored.value, stored.locale) == ("email", "x@y.test", "fr")
    db.run(lambda conn: people.mark_gone(conn, "default", stored.id, "no such user"))
    ensure()
    (again,) = known(db, one.recipient).addresses[one.recipient]
    assert (again.id, again.gone) == (stored.id, True)
    assert known(db, one.recipient).recipients == {}
    db.run(lambda conn: people.ensure_one_off(conn, "default", []))


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
    db.run(lambda conn: people.set_preferences(conn, "default", "bob", [row]))
    assert known(db, "bob", scopes=(row.scope,)).preferences["bob"] == [row]
    assert known(db, "bob", scopes=("type:cl.other",)).preferences == {}


def test_a_row_is_written_whole_and_removed_when_it_says_nothing(db: Database) -> None:
    def say(**values: Any) -> list[Preference]:
        row = Preference(scope="*", **values)
        db.run(lambda conn: people.set_preferences(conn, "default", "bob", [row]))
        return known(db, "bob").preferences.get("bob", [])

    assert say(enabled=True, channels=()) == [Preference(scope="*", enabled=True, channels=())]
    assert say(enabled=False) == [Preference(scope="*", enabled=False)]
    assert say() == []
    assert say() == []
    assert db.read(lambda conn: conn.execute(sa.select(preferences)).all()) == []


def test_removing_one_row_leaves_its_neighbours(db: Database) -> None:
    def write(conn: Connection) -> None:
        for tenant in TENANTS:
            for of in ("bob", "carol"):
                rows = [Preference(scope="*", channel=c, enabled=True) for c in ("*", "email")]
                people.set_preferences(conn, tenant, of, rows)
        people.set_preferences(conn, "default", "bob", [Preference(scope="*", channel="email")])

    db.run(write)
    left = db.read(lambda conn: conn.execute(sa.select(preferences)).all())
    assert len(left) == 7
    assert [row.channel for row in known(db, "bob").preferences["bob"]] == ["*"]


# ── Subscriptions ────────────────────────────────────────────────────────────────────────────────────────


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
        for name in names:
            people.subscribe(conn, "default", name, ["cl/42"])
        people.subscribe(conn, "default", "elsewhere", ["cl/43"])
        people.subscribe(conn, "other", "stranger", ["cl/42"])

    db.run(write)
    found = followers(db, "cl/42", most=most)
    assert sorted(found) == sorted(names)
    assert len(found) == len(set(found))


def test_subscribing_twice_is_once_and_unsubscribing_is_exact(db: Database) -> None:
    def write(conn: Connection) -> None:
        people.subscribe(conn, "default", "bob", ["a", "b", "c"])
        people.subscribe(conn, "default", "bob", ["b"])
        people.subscribe(conn, "default", "carol", ["b"])
        people.subscribe(conn, "other", "bob", ["b"])
        people.subscribe(conn, "default", "bob", [])
        people.unsubscribe(conn, "default", "bob", ["b", "never followed"])
        people.unsubscribe(conn, "default", "bob", [])

    db.run(write)
    assert followers(db, "a") == followers(db, "c") == ["bob"]
    assert followers(db, "b") == ["carol"]
    assert followers(db, "b", "other") == ["bob"]
    assert (
        db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(subscriptions)).scalar_one())
        == 4
    )


# ── Tenants ──────────────────────────────────────────────────────────────────────────────────────────────


def test_tenants_never_mix(db: Database) -> None:
    def write(conn: Connection) -> None:
        for tenant in TENANTS:
            people.upsert(conn, tenant, [Recipient(id="bob", name=tenant)])
            people.set_addresses(conn, tenant, "bob", [Address("email", f"{tenant}@x.test")])
            people.set_preferences(conn, tenant, "bob", [Preference(scope="*", channels=(tenant,))])

    db.run(write)
    db.run(lambda conn: people.set_addresses(conn, "third", "bob", []))
    found = db.read(
        lambda conn: people.read(conn, [(tenant, "bob") for tenant in (*TENANTS, "third")], ["*"])
    )
    for tenant in TENANTS:
        assert found[tenant].recipients["bob"].name == tenant
        assert [a.value for a in found[tenant].addresses["bob"]] == [f"{tenant}@x.test"]
        assert found[tenant].preferences["bob"][0].channels == (tenant,)
    assert found["third"] == People({}, {}, {})
    db.run(lambda conn: people.set_addresses(conn, "default", "bob", []))
    assert where(db) == []
    assert where(db, tenant="other") == [("email", "other@x.test", False)]


def test_equal_circumstances_read_equal_whatever_the_order_of_writing(db: Database) -> None:
    rows = [Preference(scope="*", channel=c, enabled=True) for c in ("sms", "*", "email")]
    values = [Address("sms", "1"), Address("email", "z@x.test"), Address("email", "a@x.test")]

    def write(conn: Connection) -> None:
        for row in rows:
            people.set_preferences(conn, "default", "bob", [row])
        for row in reversed(rows):
            people.set_preferences(conn, "default", "carol", [row])
        people.set_addresses(conn, "default", "bob", values)
        people.set_addresses(conn, "default", "carol", values[::-1])

    db.run(write)
    both = known(db, "bob", "carol")
    assert both.preferences["bob"] == both.preferences["carol"]
    assert where(db, "bob") == where(db, "carol")
