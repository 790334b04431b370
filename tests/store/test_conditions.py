"""Admitting events that tell of a condition: opened once, repeats counted, opened afresh after its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clarion import clock, event
from clarion.event import Event
from clarion.event_type import EventType, declare
from clarion.ids import uuid7
from clarion.policy import Escalation, Policy
from clarion.severity import Severity
from clarion.store import conditions, escalations, events, walks
from clarion.store.conditions import Admission
from clarion.store.database import Database
from clarion.store.schema import conditions as table
from clarion.store.schema import events as events_table
from clarion.store.schema import withdrawals
from clarion.store.walks import Walk
from tests.store.test_withdrawals import apply_all, take_back

MINUTES = timedelta(minutes=1)
TYPES: Mapping[str, EventType] = {
    "disk": declare("disk", {"severity": "warning"}),
    "steps": declare(
        "steps",
        {
            "severity": "info",
            "policy": Policy(escalation=(Escalation(repeats=2), Escalation(after=10 * MINUTES))),
        },
    ),
    "raised": declare(
        "raised", {"severity": "info", "policy": Policy(escalation=(Escalation(repeats=1, renotify=False),))}
    ),
}


def emitted(db: Database, type: str = "disk", *, condition: str = "disk/1", **fields: Any) -> Event:
    made = event.make(type, {"condition": condition, **fields})  # type: ignore[typeddict-item]  # any fields
    db.run(lambda conn: events.emit(conn, [made]))
    return made


def claimed(db: Database) -> dict[UUID, Walk]:
    due = db.run(lambda conn: walks.claim_due(conn, most=100, lease=5 * MINUTES))
    return {walk.event.id: walk for walk in due}


def admit(db: Database, walk: Walk) -> Admission:
    return db.run(lambda conn: conditions.admit(conn, walk, TYPES))


def emit_and_admit(db: Database, type: str = "disk", **fields: Any) -> tuple[Event, Admission]:
    made = emitted(db, type, **fields)
    return made, admit(db, claimed(db)[made.id])


def finish(db: Database, *which: Event) -> None:
    """Their walks are through."""
    its = events_table.c.id.in_([one.id for one in which])
    db.run(lambda conn: conn.execute(sa.update(events_table).where(its).values(due_at=None)))


def rows(db: Database) -> list[Any]:
    return list(db.read(lambda conn: conn.execute(sa.select(table).order_by(table.c.id)).all()))


def event_row(db: Database, of: Event) -> Any:
    return db.read(lambda c: c.execute(sa.select(events_table).where(events_table.c.id == of.id)).one())


def opened(db: Database, prefix: str = "") -> list[tuple[str, UUID, int]]:
    found = db.read(lambda conn: conditions.opened(conn, "default", prefix, TYPES))
    return [(one.condition, one.event_id, one.repeats) for one in found]


# ── Opening and counting ─────────────────────────────────────────────────────────────────────────────────


def test_the_first_opens_and_the_others_are_counted(db: Database) -> None:
    first, admitted = emit_and_admit(db)
    assert admitted is Admission.TELL
    repeats = [emit_and_admit(db) for _ in range(3)]
    assert {admitted for _, admitted in repeats} == {Admission.COUNTED}
    (row,) = rows(db)
    assert (row.event_id, row.repeats, row.severity) == (first.id, 3, Severity.WARNING)
    assert (row.opened_at, row.last_at, row.resolved_at) == (first.at, repeats[-1][0].at, None)
    for repeat, _ in repeats:
        walked = event_row(db, repeat)
        assert (walked.due_at, walked.repeat_of) == (None, first.id)
    assert event_row(db, first).due_at is not None


def test_begun_again_a_walk_is_admitted_as_before(db: Database) -> None:
    first, second = emitted(db), emitted(db)
    due = claimed(db)
    for _ in range(3):
        assert admit(db, due[first.id]) is Admission.TELL
    assert admit(db, due[second.id]) is Admission.COUNTED
    assert admit(db, due[second.id]) is Admission.LOST, "it is finished"
    assert [row.repeats for row in rows(db)] == [1]


def test_a_walk_that_lost_its_lease_changes_nothing(db: Database) -> None:
    first = emitted(db)
    late = claimed(db)[first.id]
    db.run(lambda conn: conn.execute(sa.update(events_table).values(walks=events_table.c.walks + 1)))
    assert admit(db, late) is Admission.LOST
    assert rows(db) == []


def test_names_and_tenants_are_apart(db: Database) -> None:
    for fields in ({}, {"condition": "disk/2"}, {"tenant": "acme"}):
        assert emit_and_admit(db, **fields)[1] is Admission.TELL
    assert len(rows(db)) == 3


def test_another_type_may_say_it_again(db: Database) -> None:
    first, _ = emit_and_admit(db)
    assert emit_and_admit(db, "steps")[1] is Admission.COUNTED
    assert [(row.event_id, row.repeats) for row in rows(db)] == [(first.id, 1)]


def test_a_more_severe_one_is_counted_and_told(db: Database) -> None:
    first = emitted(db)
    worse = emitted(db, severity="urgent")
    due = claimed(db)
    assert admit(db, due[first.id]) is Admission.TELL
    for _ in range(2):  # also when its walk is begun again
        assert admit(db, due[worse.id]) is Admission.TELL
    (row,) = rows(db)
    assert (row.event_id, row.repeats, row.severity, row.escalated_by) == (first.id, 1, 3, worse.id)
    assert emit_and_admit(db, severity="action")[1] is Admission.COUNTED


# ── Its end ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("applied", [True, False])
def test_after_its_end_it_is_opened_afresh(db: Database, applied: bool) -> None:
    first, _ = emit_and_admit(db)
    emit_and_admit(db)
    take_back(db, "condition", "disk/1")
    if applied:
        apply_all(db)
    again, admitted = emit_and_admit(db)
    assert admitted is Admission.TELL
    assert emit_and_admit(db)[1] is Admission.COUNTED
    if not applied:
        apply_all(db)
    old, new = rows(db)
    assert (old.event_id, old.repeats, old.resolved_at is None) == (first.id, 1, False)
    assert (new.event_id, new.repeats, new.resolved_at) == (again.id, 1, None)


def test_resolved_before_it_was_admitted_it_opens_nothing(db: Database) -> None:
    first = emitted(db)
    take_back(db, "condition", "disk/1")
    assert admit(db, claimed(db)[first.id]) is Admission.TELL, "the gates say why not"
    assert rows(db) == []
    apply_all(db)
    assert event_row(db, first).resolved_at is not None


def test_one_that_was_scheduled_before_its_end_opens_nothing(db: Database, travel: Any) -> None:
    later = emitted(db, at=clock.now() + 5 * MINUTES)
    emit_and_admit(db)
    take_back(db, "condition", "disk/1")
    again, _ = emit_and_admit(db)
    travel(6 * MINUTES)
    assert admit(db, claimed(db)[later.id]) is Admission.TELL
    assert opened(db) == [("disk/1", again.id, 0)]
    apply_all(db)
    assert event_row(db, later).resolved_at is not None
    assert opened(db) == [("disk/1", again.id, 0)]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("target", ["event_id", "subject"])
def test_taken_back_the_opening_event_leaves_nothing_open(db: Database, target: Any, applied: bool) -> None:
    first, _ = emit_and_admit(db, subject="vm/1")
    take_back(db, target, first.id if target == "event_id" else "vm/1")
    assert opened(db) == []
    if applied:
        apply_all(db)
    again, admitted = emit_and_admit(db, subject="vm/1")
    assert admitted is Admission.TELL
    assert opened(db) == [("disk/1", again.id, 0)]


def test_taken_back_before_it_was_walked_it_opens_nothing(db: Database) -> None:
    first = emitted(db)
    take_back(db, "event_id", first.id)
    assert admit(db, claimed(db)[first.id]) is Admission.WITHDRAWN
    assert rows(db) == []
    apply_all(db)
    assert event_row(db, first).withdrawn_at is not None


@pytest.mark.parametrize("target", ["event_id", "condition"])
def test_taken_back_between_its_opening_and_a_second_walk_it_is_closed(db: Database, target: Any) -> None:
    """The first walk was broken off: what it left open and had decided is still for `applying` to see to."""
    first = emitted(db)
    walk = claimed(db)[first.id]
    admit(db, walk)
    take_back(db, target, first.id if target == "event_id" else "disk/1")
    admit(db, walk)
    assert event_row(db, first).withdrawn_at is event_row(db, first).resolved_at is None
    apply_all(db)
    assert [row.resolved_at is None for row in rows(db)] == [False]


@pytest.mark.parametrize("how", ["expires_at", "max_age"])
def test_one_that_nobody_would_hear_of_opens_nothing(db: Database, travel: Any, how: str) -> None:
    """No worker ran for a while. The first that is still worth telling opens it, the late ones do not."""
    late = emitted(db, expires_at=clock.now() + MINUTES) if how == "expires_at" else emitted(db)
    travel(2 * MINUTES if how == "expires_at" else timedelta(days=4))
    fresh = emitted(db)
    due = claimed(db)
    assert admit(db, due[late.id]) is Admission.TELL, "the gates say why not"
    assert rows(db) == []
    assert admit(db, due[fresh.id]) is Admission.TELL
    assert opened(db) == [("disk/1", fresh.id, 1)], "the late one is still in its walk"
    assert admit(db, due[late.id]) is Admission.COUNTED, "of an open condition it is a repeat like any other"


def test_an_opening_that_could_not_be_told_blocks_nothing(db: Database) -> None:
    first, _ = emit_and_admit(db)
    failed = {"due_at": None, "failure": "its audience killed the worker"}
    db.run(lambda conn: conn.execute(sa.update(events_table).values(failed)))
    again, admitted = emit_and_admit(db)
    assert admitted is Admission.TELL
    assert opened(db) == [("disk/1", again.id, 0)]
    assert first.id != again.id


def test_open_for_longer_than_its_event_is_kept(db: Database) -> None:
    first, _ = emit_and_admit(db)
    db.run(lambda conn: conn.execute(sa.delete(events_table)))
    assert emit_and_admit(db)[1] is Admission.COUNTED
    assert opened(db) == [("disk/1", first.id, 1)]
    take_back(db, "condition", "disk/1")
    assert opened(db) == []
    assert emit_and_admit(db)[1] is Admission.TELL


# ── Which are open ───────────────────────────────────────────────────────────────────────────────────────


def test_open_ones_by_prefix_with_those_nobody_has_come_to(db: Database) -> None:
    disk, _ = emit_and_admit(db)
    emit_and_admit(db)
    emitted(db, severity="action")
    vm = emitted(db, condition="vm/%_1")
    emitted(db, condition="VM/1", at=clock.now() + MINUTES)
    gone = emitted(db, condition="vm/2")
    take_back(db, "condition", "vm/2")
    assert opened(db) == [("disk/1", disk.id, 2), ("vm/%_1", vm.id, 0)]
    assert opened(db, "vm/") == opened(db, "vm/%") == [("vm/%_1", vm.id, 0)]
    assert opened(db, "vm/_") == opened(db, "VM") == []
    assert gone.id not in {id for _, id, _ in opened(db)}
    (one,) = db.read(lambda conn: conditions.opened(conn, "default", "disk", TYPES))
    assert (one.severity, one.opened_at) == (Severity.ACTION, disk.at)
    (other,) = db.read(lambda conn: conditions.opened(conn, "default", "vm", {}))
    assert other.severity == Severity.INFO, "of a type that is not declared here"


# ── Escalation ───────────────────────────────────────────────────────────────────────────────────────────


def escalate(db: Database) -> int:
    """How many conditions a step was taken of, or looked at."""
    due = db.read(lambda conn: escalations.due(conn, most=10))
    return sum(db.run(lambda conn, key=key: escalations.take(conn, key, TYPES)) for key in due)


def told_again(db: Database) -> list[Any]:
    its = events_table.c.key.like("clarion:escalation:%")
    return list(
        db.read(
            lambda conn: conn.execute(sa.select(events_table).where(its).order_by(events_table.c.id)).all()
        )
    )


def test_by_repeats_and_by_time_each_step_once(db: Database, travel: Any) -> None:
    first, _ = emit_and_admit(db, "steps", to={"owner": ["ann"]}, subject="vm/1", data={"n": 1}, tags=["t"])
    finish(db, first)
    emit_and_admit(db, "steps")
    assert escalate(db) == 0
    emit_and_admit(db, "steps")
    assert (escalate(db), escalate(db)) == (1, 0)
    (again,) = told_again(db)
    for name in ("type", "to", "subject", "data", "tags", "condition", "tenant", "correlation_id"):
        assert getattr(again, name) == getattr(event_row(db, first), name), name
    assert again.severity == Severity.WARNING
    (row,) = rows(db)
    assert (row.severity, row.escalations, row.escalated_by) == (Severity.WARNING, 1, again.id)
    assert row.escalate_at == first.at + 10 * MINUTES
    assert admit(db, claimed(db)[again.id]) is Admission.TELL
    assert [row.repeats for row in rows(db)] == [2], "it is no repeat"

    travel(11 * MINUTES)
    assert (escalate(db), escalate(db)) == (1, 0)
    assert [again.severity for again in told_again(db)] == [Severity.WARNING, Severity.ACTION]
    assert [(row.escalations, row.escalate_at) for row in rows(db)] == [(2, None)]


def test_all_steps_that_have_come_are_told_of_once(db: Database, travel: Any) -> None:
    first, _ = emit_and_admit(db, "steps")
    finish(db, first)
    emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    travel(11 * MINUTES)
    assert escalate(db) == 1
    assert [again.severity for again in told_again(db)] == [Severity.ACTION]


@pytest.mark.parametrize("target", ["condition", "event_id"])
@pytest.mark.parametrize("applied", [True, False])
def test_what_has_ended_never_escalates(db: Database, target: Any, applied: bool) -> None:
    first, _ = emit_and_admit(db, "steps")
    finish(db, first)
    emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    take_back(db, target, first.condition if target == "condition" else first.id)
    if applied:
        apply_all(db)
    assert escalate(db) == 0
    assert told_again(db) == []


@pytest.mark.parametrize("applied", [True, False])
def test_a_step_that_is_overtaken_by_the_end_is_not_told(db: Database, applied: bool) -> None:
    """Also where the resolution was written before the step, in a transaction that took longer."""
    first, _ = emit_and_admit(db, "steps")
    finish(db, first)
    emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    before = uuid7()
    escalate(db)
    take_back(db, "condition", "disk/1")
    db.run(lambda conn: conn.execute(sa.update(withdrawals).values(id=before)))
    if applied:
        apply_all(db)
    (again,) = told_again(db)
    assert admit(db, claimed(db)[again.id]) is Admission.COUNTED
    assert event_row(db, again).resolved_at is not None
    assert opened(db) == []


def test_a_step_waits_until_its_opening_is_told(db: Database, travel: Any) -> None:
    first, _ = emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    assert escalate(db) == 1
    assert told_again(db) == []
    finish(db, first)
    travel(timedelta(seconds=2))
    assert escalate(db) == 1
    assert len(told_again(db)) == 1


def test_a_type_that_is_not_declared_here_is_left_to_others(db: Database, travel: Any) -> None:
    first, _ = emit_and_admit(db, "steps")
    finish(db, first)
    travel(11 * MINUTES)
    emit_and_admit(db, "steps")
    emit_and_admit(db, "steps")
    (key,) = db.read(lambda conn: escalations.due(conn, most=10))
    assert db.run(lambda conn: escalations.take(conn, key, {}))
    assert db.read(lambda conn: escalations.due(conn, most=10)) == []
    travel(timedelta(seconds=11))
    assert escalate(db) == 1
    assert len(told_again(db)) == 1
