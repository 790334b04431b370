"""The health of addresses: marked once, listed, revived, and each tenant's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.store import address_health
from clarion.store.address_health import AddressHealth
from clarion.store.database import Database
from tests.store.make import CHANNEL, person

List = Callable[..., list[AddressHealth]]
NOBODY = UUID(int=1)


@pytest.fixture
def listed(db: Database) -> List:
    """Addresses of bob (two), of carol, and of a bob in another tenant."""

    def write(conn: Connection) -> None:
        person(conn, "bob", addresses=["a@x.test", "b@x.test"])
        person(conn, "carol", addresses=["c@x.test"])
        person(conn, "bob", "other", ["d@x.test"])

    def listed(**said: Any) -> list[AddressHealth]:
        wanted = {"gone": None, "recipient": None, "channel": None, "after": None, "most": 10, **said}
        return db.read(lambda conn: address_health.read(conn, "default", **wanted))

    db.run(write)
    return listed


def values(found: list[AddressHealth]) -> list[str]:
    return sorted(one.value for one in found)


def mark(db: Database, id: UUID, *, tenant: str = "default", reason: str = "no such user") -> list[Any]:
    return db.run(lambda conn: address_health.mark_gone(conn, [(tenant, id, reason)]))


def test_listing(db: Database, listed: List) -> None:
    assert values(listed()) == ["a@x.test", "b@x.test", "c@x.test"]
    assert values(listed(recipient="carol")) == ["c@x.test"]
    assert values(listed(channel="sms")) == []
    (carol,) = listed(recipient="carol")
    mark(db, carol.id)
    assert values(listed(gone=True)) == ["c@x.test"]
    assert values(listed(gone=False)) == ["a@x.test", "b@x.test"]
    assert values(listed(gone=True, recipient="bob")) == []


def test_pages_have_no_gap_and_no_repeat(listed: List) -> None:
    found = listed(most=1)
    while page := listed(most=1, after=found[-1].id):
        found += page
    assert values(found) == ["a@x.test", "b@x.test", "c@x.test"]


def test_an_address_is_marked_once_and_the_first_reason_stays(db: Database, listed: List) -> None:
    (carol,) = listed(recipient="carol")
    (marked,) = mark(db, carol.id)
    assert (marked.tenant, marked.id, marked.channel) == ("default", carol.id, CHANNEL)
    assert mark(db, carol.id, reason="still not there") == [], "only what is news"
    (dead,) = listed(gone=True)
    assert (dead.gone_reason, dead.recipient) == ("no such user", "carol")
    assert dead.gone_at is not None
    assert abs((dead.gone_at - clock.now()).total_seconds()) < 10


def test_reviving_and_marking_again(db: Database, listed: List) -> None:
    (carol,) = listed(recipient="carol")
    mark(db, carol.id)
    assert db.run(lambda conn: address_health.revive(conn, "default", carol.id)) is True
    assert listed(gone=True) == []
    assert db.run(lambda conn: address_health.revive(conn, "default", carol.id)) is False
    assert len(mark(db, carol.id, reason="again")) == 1
    assert [one.gone_reason for one in listed(gone=True)] == ["again"]


def test_another_tenant_has_no_say(db: Database, listed: List) -> None:
    (carol,) = listed(recipient="carol")
    assert mark(db, carol.id, tenant="other") == []
    mark(db, carol.id)
    assert db.run(lambda conn: address_health.revive(conn, "other", carol.id)) is None
    assert values(listed(gone=True)) == ["c@x.test"]


def test_an_address_that_is_gone_altogether(db: Database) -> None:
    assert mark(db, NOBODY) == []
    assert db.run(lambda conn: address_health.revive(conn, "default", NOBODY)) is None
