"""Writing recipients: in part, many at once, addresses and roles whole; what is as it was is not written again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion.edit import Edit
from clarion.errors import InvalidInput
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.store import people, roster
from clarion.store.database import Database
from clarion.store.people import People
from clarion.store.schema import addresses, preference_changes, recipient_roles, recipients

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def write(db: Database, *edits: Edit, tenant: str = "default", create: bool = True) -> None:
    db.run(lambda conn: roster.write(conn, tenant, edits, create=create))


def own(id: str = "bob", **values: Any) -> Edit:
    return Edit(recipient=id, own=values)


def at(*where: Address, of: str = "bob") -> Edit:
    return Edit(recipient=of, addresses=where)


def known(db: Database, *ids: str, tenant: str = "default") -> People:
    return db.read(lambda conn: people.read(conn, [(tenant, id) for id in ids], ["*"]))[tenant]


def row(db: Database, id: str = "bob") -> Any:
    return db.read(lambda conn: conn.execute(sa.select(recipients).where(recipients.c.id == id)).one())


def count(db: Database, table: sa.Table) -> int:
    return db.read(lambda conn: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


# ── Their own rows ───────────────────────────────────────────────────────────────────────────────────────


def test_a_new_recipient_has_defaults_and_keeps_what_is_not_given(db: Database) -> None:
    write(db, own(name="Bob", time_zone="Europe/Berlin"))
    assert known(db, "bob").recipients["bob"] == Recipient(id="bob", name="Bob", time_zone="Europe/Berlin")
    first = row(db)
    write(db, own(locale="de", enabled=False))
    assert known(db, "bob").recipients["bob"] == Recipient(
        id="bob", name="Bob", time_zone="Europe/Berlin", locale="de", enabled=False
    )
    second = row(db)
    assert second.created_at == first.created_at
    assert second.updated_at >= first.updated_at
    write(db, own(name=None))
    assert known(db, "bob").recipients["bob"].name is None


def test_what_is_as_it_was_is_not_written_again(db: Database) -> None:
    everything = Edit(
        recipient="bob",
        own={"name": "Bob", "quiet_hours": {"monday": ["22:00-07:00"], "passes": "urgent"}},
        addresses=(Address("email", "b@x.test"),),
        roles=("admin",),
        preferences={("*", "*"): {"enabled": False}},
        topics={("cl/42",): {"subscribed": True, "muted_until": LONG_AGO}},
    )
    write(db, everything)
    before = row(db), count(db, addresses), count(db, recipient_roles), count(db, preference_changes)
    write(db, everything)
    assert (
        row(db),
        count(db, addresses),
        count(db, recipient_roles),
        count(db, preference_changes),
    ) == before


def test_who_has_no_row_is_refused_and_nothing_is_written(db: Database) -> None:
    write(db, own("bob"))
    with pytest.raises(
        InvalidInput, match="there is no recipient 'carol' in tenant 'default'; write them first"
    ):
        write(db, own("bob", name="Bob"), own("carol", name="Carol"), create=False)
    assert known(db, "bob").recipients["bob"].name is None
    with pytest.raises(InvalidInput, match="in tenant 'other'"):
        write(db, own("bob", name="Bob"), tenant="other", create=False)


def test_some_are_new_and_some_are_not(db: Database) -> None:
    write(db, *(own(f"r{n}", name="old", locale="de") for n in range(0, 300, 3)))
    write(db, *(own(f"r{n}", name="new") for n in range(299, -1, -1)))
    found = known(db, *(f"r{n}" for n in range(300))).recipients
    assert {person.name for person in found.values()} == {"new"}
    assert [n for n in range(300) if found[f"r{n}"].locale == "de"] == list(range(0, 300, 3))


@pytest.mark.parametrize(
    "text", ['quo"te', "back\\slash", "{brace,comma}", "NULL", "null", "ñ\U0001f600", "a'b", "%s :x"]
)
def test_texts_are_kept_as_they_are(db: Database, text: str) -> None:
    edit = Edit(
        recipient=text,
        own={"name": text, "tags": {"include": [text], "exclude": []}},
        addresses=(Address("email", text),),
        roles=(text,),
        topics={(text,): {"subscribed": True, "reason": text}},
    )
    write(db, edit, own("nameless"))
    found = known(db, text, "nameless")
    person = found.recipients[text]
    assert person.name == text
    assert person.tags is not None
    assert person.tags.include == (text,)
    assert found.recipients["nameless"].name is None
    assert [a.value for a in found.addresses[text]] == [text]
    assert db.read(lambda conn: roster.roles_of(conn, "default", text)) == [text]


def test_seen_never_goes_backwards(db: Database) -> None:
    def seen(at: datetime, id: str = "bob") -> Any:
        db.run(lambda conn: roster.seen(conn, "default", id, at))
        return row(db).last_active_at

    write(db, own("bob"), own("carol"))
    assert row(db).last_active_at is None
    assert seen(LONG_AGO) == LONG_AGO
    assert seen(LONG_AGO + timedelta(days=1)) == LONG_AGO + timedelta(days=1)
    assert seen(LONG_AGO) == LONG_AGO + timedelta(days=1)
    assert row(db, "carol").last_active_at is None
    with pytest.raises(InvalidInput, match="there is no recipient 'dora'"):
        seen(LONG_AGO, "dora")
    write(db, own("bob", name="Bob"))
    assert row(db).last_active_at == LONG_AGO + timedelta(days=1)


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────


def where(db: Database, of: str = "bob") -> list[tuple[str, str, bool]]:
    return [(a.channel, a.value, a.gone) for a in known(db, of).addresses.get(of, [])]


def stored(db: Database, of: str = "bob") -> dict[str, StoredAddress]:
    return {a.value: a for a in known(db, of).addresses[of]}


def kill(db: Database, id: UUID) -> None:
    gone = (
        sa.update(addresses).where(addresses.c.id == id).values(gone_at=LONG_AGO, gone_reason="no such user")
    )
    db.run(lambda conn: conn.execute(gone))


def test_addresses_are_those_and_no_others_and_what_stays_keeps_its_id(db: Database) -> None:
    write(db, at(Address("email", "a@x.test"), Address("email", "b@x.test"), Address("sms", "1")))
    before = stored(db)
    write(db, at(Address("email", "b@x.test", "fr"), Address("email", "c@x.test")))
    assert where(db) == [("email", "b@x.test", False), ("email", "c@x.test", False)]
    assert stored(db)["b@x.test"].id == before["b@x.test"].id
    assert stored(db)["b@x.test"].locale == "fr"
    write(db, own(name="Bob"))
    assert len(where(db)) == 2, "not given: not touched"
    write(db, at())
    assert where(db) == []


def test_a_dead_address_that_is_given_again_lives_again(db: Database) -> None:
    write(db, at(Address("email", "a@x.test"), Address("email", "b@x.test")))
    dead = stored(db)["a@x.test"].id
    kill(db, dead)
    assert where(db) == [("email", "a@x.test", True), ("email", "b@x.test", False)]
    write(db, at(Address("email", "a@x.test")))
    assert where(db) == [("email", "a@x.test", False)]
    assert stored(db)["a@x.test"].id == dead


def test_the_same_address_may_be_several_people_s(db: Database) -> None:
    team = Address("email", "team@x.test")
    write(db, at(team), at(team, of="carol"))
    write(db, at(of="carol"))
    assert where(db) == [("email", "team@x.test", False)]
    assert where(db, "carol") == []


def test_many_s_addresses_change_at_once(db: Database) -> None:
    def value(n: int, turn: int) -> str:
        return f"{n}@x.test" if n % 3 else f"{n}-{turn}@x.test"

    for turn in (1, 2):
        write(db, *(at(Address("email", value(n, turn)), of=f"r{n}") for n in range(100)))
    assert [where(db, f"r{n}") for n in range(100)] == [[("email", value(n, 2), False)] for n in range(100)]
    assert count(db, addresses) == 100


# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────


def roles(db: Database) -> Mapping[str, list[str]]:
    return db.read(lambda conn: {id: roster.roles_of(conn, "default", id) for id in ("bob", "carol")})


def test_roles_are_those_and_no_others(db: Database) -> None:
    write(db, Edit(recipient="bob", roles=("admin", "editor")), Edit(recipient="carol", roles=("editor",)))
    write(db, Edit(recipient="bob", roles=("admin",)), tenant="other")
    assert roles(db) == {"bob": ["admin", "editor"], "carol": ["editor"]}
    write(db, Edit(recipient="bob", roles=("viewer", "editor")), own("carol", name="Carol"))
    assert roles(db) == {"bob": ["editor", "viewer"], "carol": ["editor"]}
    write(db, Edit(recipient="bob", roles=()))
    assert roles(db) == {"bob": [], "carol": ["editor"]}
    assert db.read(lambda conn: roster.roles_of(conn, "other", "bob")) == ["admin"]
