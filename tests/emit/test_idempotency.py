"""One key is one event: within a batch, between transactions, and between fifty processes at once (F10)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from clarion import Clarion, Conflict
from clarion.event import EventFields
from tests.emit.conftest import TYPE
from tests.emit.hosts import Host
from tests.emit.producers import together
from tests.support.children import PATIENCE

Stored = Callable[[], list[Any]]


def test_the_same_key_and_body_is_the_first_event(host: Host, clarion: Clarion, stored: Stored) -> None:
    first = host.emit(clarion, TYPE, key="k", data={"a": 1})
    host.commit()
    assert host.emit(clarion, TYPE, key="k", data={"a": 1}) == first
    host.commit()
    assert [row.id for row in stored()] == [first]


def test_a_key_belongs_to_its_tenant(host: Host, clarion: Clarion, stored: Stored) -> None:
    ids = [
        host.emit(clarion, TYPE, key="k", tenant=tenant, subject=tenant) for tenant in ("a", "b", "default")
    ]
    assert host.emit(clarion, TYPE, key="k", tenant="b", subject="b") == ids[1]
    host.commit()
    assert {row.tenant: row.id for row in stored()} == dict(zip(("a", "b", "default"), ids, strict=True))


def test_without_a_key_every_emit_is_an_event(host: Host, clarion: Clarion, stored: Stored) -> None:
    batch: list[tuple[str, EventFields]] = [(TYPE, {})] * 3
    ids = [*host.emit_many(clarion, batch), host.emit(clarion, TYPE)]
    host.commit()
    assert {row.id for row in stored()} == set(ids)
    assert len(set(ids)) == 4


def test_twice_in_one_batch_is_once(host: Host, clarion: Clarion, stored: Stored) -> None:
    ids = host.emit_many(
        clarion, [(TYPE, {"key": "b"}), (TYPE, {"key": "a"}), (TYPE, {"key": "b"}), (TYPE, {})]
    )
    host.commit()
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert {row.id: row.key for row in stored()} == {ids[0]: "b", ids[1]: "a", ids[3]: None}


def test_two_bodies_for_one_key_in_one_batch_store_nothing(
    host: Host, clarion: Clarion, stored: Stored
) -> None:
    with pytest.raises(Conflict):
        host.emit_many(
            clarion, [(TYPE, {"key": "a"}), (TYPE, {"key": "b"}), (TYPE, {"key": "a", "topic": "t"})]
        )
    host.commit()
    assert stored() == []


def test_a_conflict_in_a_batch_stores_none_of_it_and_keeps_what_was_there(
    host: Host, clarion: Clarion, stored: Stored
) -> None:
    first = host.emit(clarion, TYPE, key="used")
    host.commit()
    same = host.emit(clarion, TYPE, key="earlier in this transaction")
    fresh: list[tuple[str, EventFields]] = [(TYPE, {"key": f"fresh/{n}"}) for n in range(10)]
    conflicting: EventFields = {"key": "used", "subject": "another"}
    for batch in ([*fresh, (TYPE, conflicting)], [(TYPE, conflicting), *fresh, (TYPE, {})]):
        with pytest.raises(Conflict, match="'used'"):
            host.emit_many(clarion, [*batch, (TYPE, {"key": "earlier in this transaction"})])
    host.run("INSERT INTO orders VALUES ('alive')")
    host.commit()
    assert {row.id for row in stored()} == {first, same}
    ids = host.emit_many(clarion, fresh)
    host.commit()
    assert {row.id for row in stored()} == {first, same, *ids}


def test_nothing_to_emit(host: Host, clarion: Clarion, stored: Stored) -> None:
    assert host.emit_many(clarion, []) == []
    host.commit()
    assert stored() == []


def test_a_savepoint_takes_its_events_back(host: Host, clarion: Clarion, stored: Stored) -> None:
    kept = host.emit(clarion, TYPE, key="before")
    inner = host.conn.begin_nested()
    host.emit(clarion, TYPE, key="inside")
    inner.rollback()
    host.commit()
    assert [row.id for row in stored()] == [kept]


# ── Between transactions ─────────────────────────────────────────────────────────────────────────────────


def waiting_for_a_lock(clarion: Clarion) -> bool:
    return bool(
        clarion.database.read(
            lambda conn: conn.execute(
                sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            ).scalar_one()
        )
    )


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first_commits", [True, False], ids=["first commits", "first rolls back"])
@pytest.mark.parametrize("same_body", [True, False], ids=["same body", "other body"])
def test_the_second_of_two_transactions_waits_for_the_first(
    host: Host, another: Host, clarion: Clarion, stored: Stored, first_commits: bool, same_body: bool
) -> None:
    first = host.emit(clarion, TYPE, key="k")
    answers: list[Any] = []

    def emit() -> None:
        try:
            answers.append(another.emit(clarion, TYPE, key="k", subject=None if same_body else "another"))
        except Conflict as conflict:
            answers.append(conflict)

    second = threading.Thread(target=emit)
    second.start()
    while not waiting_for_a_lock(clarion):
        assert second.is_alive(), answers
    host.commit() if first_commits else host.rollback()
    second.join(PATIENCE)
    another.commit()
    (answer,) = answers
    (row,) = stored()
    if first_commits:
        assert row.id == first
        assert answer == first if same_body else isinstance(answer, Conflict)
    else:
        assert row.id == answer != first


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_after_a_rollback_the_key_is_free(
    host: Host, another: Host, clarion: Clarion, stored: Stored
) -> None:
    host.emit(clarion, TYPE, key="k")
    host.rollback()
    second = another.emit(clarion, TYPE, key="k", subject="another")
    another.commit()
    assert [row.id for row in stored()] == [second]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("kind", ["SQLAlchemy connection", "psycopg connection"])
def test_under_a_stricter_isolation_the_caller_s_own_retry_is_asked_for(
    host: Host, another: Host, clarion: Clarion, stored: Stored, level: str
) -> None:
    """A key used since the snapshot was taken: PostgreSQL's error comes through as it is, for the retry to see."""
    host.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
    host.value("SELECT count(*) AS value FROM orders")
    first = another.emit(clarion, TYPE, key="k")
    another.commit()
    with pytest.raises((sa.exc.OperationalError, psycopg.errors.SerializationFailure)) as raised:
        host.emit(clarion, TYPE, key="k")
    assert getattr(raised.value, "orig", raised.value).sqlstate == "40001"
    host.rollback()
    host.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
    assert host.emit(clarion, TYPE, key="k") == first
    fresh = host.emit(clarion, TYPE, key="fresh")
    host.commit()
    assert {row.id for row in stored()} == {first, fresh}


# ── Between processes ────────────────────────────────────────────────────────────────────────────────────


def test_fifty_processes_with_one_key_make_one_event(
    clarion: Clarion, database_url: str, stored: Stored
) -> None:
    answers = together(database_url, [[{"key": "order/1", "data": {"n": 1}}]] * 50)
    (row,) = stored()
    assert answers == [[row.id]] * 50


def test_of_two_bodies_one_wins_and_the_others_are_told(
    clarion: Clarion, database_url: str, stored: Stored
) -> None:
    answers = together(database_url, [[{"key": "order/1", "data": {"n": n % 2}}] for n in range(20)])
    (row,) = stored()
    for n, answer in enumerate(answers):
        assert answer == ([row.id] if n % 2 == row.data["n"] else "conflict")


def test_opposite_orders_of_keys_do_not_deadlock(clarion: Clarion, database_url: str, stored: Stored) -> None:
    keys = [f"order/{n}" for n in range(300)]
    ways = [keys, keys[::-1], keys[150:] + keys[:150], keys[::2] + keys[1::2]]
    answers = together(database_url, [[{"key": key} for key in ways[n % 4]] for n in range(12)])
    stands: dict[str, UUID] = {row.key: row.id for row in stored()}
    assert sorted(stands) == sorted(keys)
    assert len(stored()) == len(keys)
    for n, answer in enumerate(answers):
        assert answer == [stands[key] for key in ways[n % 4]], answer
