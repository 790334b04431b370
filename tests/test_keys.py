from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clarion import Clarion, InvalidInput, NotFound, UnknownName, clock, ids
from clarion.api_key import is_secret
from clarion.store.schema import api_keys

Travel = Callable[[timedelta], None]


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url)
    yield made
    made.close()


def test_a_secret_is_shown_once_and_kept_nowhere(clarion: Clarion) -> None:
    issued = clarion.keys.issue("shop", ["events:write", "events:read", "events:write"], by="olga")
    assert is_secret(issued.secret)
    assert issued.secret.startswith(issued.key.prefix)
    assert len(issued.key.prefix) == 12
    assert issued.secret not in repr(issued)
    stored = clarion.database.read(lambda conn: conn.execute(sa.select(api_keys)).one())
    assert issued.secret not in str(stored)
    assert clarion.keys.all() == [issued.key]
    assert (issued.key.scopes, issued.key.created_by) == (("events:write", "events:read"), "olga")
    assert clarion.keys.issue("shop", ["metrics"]).secret != issued.secret


def test_a_key_is_known_by_its_secret(clarion: Clarion) -> None:
    issued = clarion.keys.issue("shop", ["events:write"], tenant="acme")
    found = clarion.keys.check(issued.secret)
    assert found is not None
    assert (found.id, found.tenant) == (issued.key.id, "acme")
    for secret in (
        issued.secret[:-1],
        issued.secret[:-1] + ("a" if issued.secret[-1] != "a" else "b"),
        issued.key.prefix,
        "",
        "clk_",
    ):
        assert clarion.keys.check(secret) is None
    assert clarion.keys.all() == []
    assert clarion.keys.standing(issued.key.id, tenant="acme") == found
    assert clarion.keys.standing(issued.key.id, tenant="default") is None


def test_a_key_that_is_over_opens_nothing(clarion: Clarion, travel: Travel) -> None:
    short = clarion.keys.issue("short", ["events:write"], expires_at=clock.now() + timedelta(hours=1))
    long = clarion.keys.issue("long", ["events:write"])
    travel(timedelta(hours=1))
    assert clarion.keys.check(short.secret) is None
    assert clarion.keys.check(long.secret) is not None
    revoked = clarion.keys.revoke(long.key.id)
    assert revoked.revoked_at is not None
    assert clarion.keys.check(long.secret) is None
    assert clarion.keys.standing(long.key.id, tenant="default") is None
    assert clarion.keys.revoke(long.key.id).revoked_at == revoked.revoked_at
    assert len(clarion.keys.all()) == 2


def test_when_it_was_last_used_is_kept_to_within_minutes(clarion: Clarion, travel: Travel) -> None:
    issued = clarion.keys.issue("shop", ["events:write"])
    assert clarion.keys.all()[0].last_used_at is None
    clarion.keys.check(issued.secret)
    first = clarion.keys.all()[0].last_used_at
    assert first is not None
    travel(timedelta(minutes=4))
    clarion.keys.check(issued.secret)
    assert clarion.keys.all()[0].last_used_at == first
    travel(timedelta(minutes=2))
    clarion.keys.check(issued.secret)
    assert clarion.keys.all()[0].last_used_at > first  # type: ignore[operator]  # it is there


def test_a_key_of_another_tenant_cannot_be_revoked(clarion: Clarion) -> None:
    issued = clarion.keys.issue("shop", ["events:write"])
    with pytest.raises(NotFound, match="clarion keys list"):
        clarion.keys.revoke(issued.key.id, tenant="other")
    with pytest.raises(NotFound):
        clarion.keys.revoke(ids.uuid7())
    assert clarion.keys.check(issued.secret) is not None


def test_keys_that_cannot_be(clarion: Clarion) -> None:
    with pytest.raises(UnknownName, match="did you mean 'events:write'"):
        clarion.keys.issue("shop", ["event:write"])
    with pytest.raises(InvalidInput, match="opens nothing"):
        clarion.keys.issue("shop", [])
    with pytest.raises(InvalidInput, match="must be a list"):
        clarion.keys.issue("shop", "events:write")
    with pytest.raises(InvalidInput, match="over already"):
        clarion.keys.issue("shop", ["metrics"], expires_at=clock.now() - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="name is empty"):
        clarion.keys.issue(" ", ["metrics"])
    assert clarion.keys.all() == []
