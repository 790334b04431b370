"""Cooldown and throttle with many worker processes, while a third of the sends fail at random: counted at the receiver."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.severity import Severity
from clarion.store.schema import BLOCKED, events, notifications, slots
from tests.support.acme import Plan, application
from tests.support.chancy import BRIEFLY, LIMIT, Sent, code, pairs, sends
from tests.support.children import Children, children, stop
from tests.support.working import await_true, count, crowd, emit_many, no_duplicates, results, settled

WORKERS = {"sqlite": 2, "postgresql": 8}
PEOPLE, THREADS, WAVES = 10, 2, 8
SHORT = {
    "lease": timedelta(seconds=3)
}  # where a worker is killed: what was in its hands waits for the end of that
SEVERITIES = [severity.label for severity in Severity]

Key = tuple[str, str]  # recipient, thread


@dataclass(frozen=True)
class Untold:
    """A notification that is stopped in the end."""

    recipient: str
    thread: str
    severity: int
    channels: frozenset[str]


@pytest.fixture
def started() -> Iterator[Children]:
    with children() as all_:
        yield all_


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    return tmp_path / "taken"


@pytest.fixture
def clarion(database_url: str, taken: Path) -> Iterator[Clarion]:
    made = application(Plan(database=database_url, chancy=str(taken)))
    made.start()
    yield made
    made.close()


class Going:
    """Worker processes, one of which may be killed and another begun."""

    def __init__(self, started: Children, plan: Plan, number: int) -> None:
        self._started, self._plan = started, plan
        self.running = [started.start_ready(plan) for _ in range(number)]

    def kill_one(self) -> None:
        victim = self.running.pop(0)
        victim.kill()
        self.running.append(self._started.start(self._plan))

    def stop(self) -> None:
        for process in self.running:
            stop(process)


def storm(
    clarion: Clarion, type: str, going: Going, *, mixed: bool = False, kills: bool = False, seed: int = 7
) -> None:
    """Waves of events for a crowd, while the workers go on; until everything has come to its end."""
    chosen = random.Random(seed)
    who = crowd(clarion, PEOPLE, channel="chancy")
    for id in who:
        clarion.recipients.upsert(id, addresses={"chancy": f"{id}@a.test", "chancier": id})
    for wave in range(WAVES):
        batch: list[tuple[str, Any]] = [
            (
                code(type),
                {
                    "to": chosen.sample(who, PEOPLE // 2),
                    "thread": f"t{chosen.randrange(THREADS)}",
                    "severity": chosen.choice(SEVERITIES) if mixed else "info",
                },
            )
            for _ in range(3)
        ]
        emit_many(clarion, batch)
        time.sleep(chosen.random() * 0.15)
        if kills and wave % 4 == 2:
            going.kill_one()
    await_true(lambda: settled(clarion), within=150)
    going.stop()


def untold(clarion: Clarion) -> list[Untold]:
    """Those that a cooldown or throttle still stops, on these channels."""
    its = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    found = sa.select(notifications, events.c.thread).join(events, its).where(sa.text(BLOCKED))
    return [
        Untold(
            row.recipient,
            row.thread,
            row.severity,
            frozenset(c for c, (gate, *_) in row.verdicts.items() if gate in ("cooldown", "throttle")),
        )
        for row in clarion.database.read(lambda conn: conn.execute(found).all())
    ]


def by_key(all_: list[Sent]) -> dict[Key, list[Sent]]:
    found: dict[Key, list[Sent]] = defaultdict(list)
    for sent in all_:
        found[sent.recipient, sent.thread].append(sent)
    return found


def never_more_than(limit: int, all_: list[Sent]) -> None:
    """Of each severity by itself: a higher one passes, and what took its place before may be sent after it."""
    told: dict[tuple[str, str, int], set[object]] = defaultdict(set)
    for sent in all_:
        told[sent.recipient, sent.thread, sent.severity].add(sent.event)
    assert told
    assert max(len(events) for events in told.values()) <= limit


def nobody_untold_but_for(limit: int, clarion: Clarion, all_: list[Sent]) -> None:
    """Whoever is stopped in the end was stopped by as many as were allowed, no less severe, that reached them."""
    told = by_key(all_)
    stopped = untold(clarion)
    assert stopped, "nothing was stopped: this tested nothing"
    for one in stopped:
        reached = {s.event for s in told[one.recipient, one.thread] if s.severity >= one.severity}
        assert len(reached) >= limit, one


def ended_well(clarion: Clarion) -> None:
    no_duplicates(clarion)
    assert set(results(clarion)) <= {"sent", "failed"}
    assert set(results(clarion, final=False)) & {"retry", "failed"}, "no send went wrong: this tested nothing"
    assert not count(clarion, slots, slots.c.until.is_(None)), "a slot whose holder came to its end"


@pytest.mark.parametrize("mixed", [False, True], ids=["alike", "mixed severities"])
@pytest.mark.parametrize(("type", "limit"), [("cooled", 1), ("throttled", LIMIT)])
def test_never_more_than_allowed_and_nobody_left_untold(
    clarion: Clarion,
    database: str,
    database_url: str,
    taken: Path,
    started: Children,
    type: str,
    limit: int,
    mixed: bool,
) -> None:
    going = Going(started, Plan(database=database_url, chancy=str(taken)), WORKERS[database])
    storm(clarion, type, going, mixed=mixed)
    all_ = sends(taken)
    assert len(all_) == len({sent.delivery for sent in all_}) == results(clarion)["sent"]
    never_more_than(limit, all_)
    nobody_untold_but_for(limit, clarion, all_)
    ended_well(clarion)


@pytest.mark.parametrize(("type", "limit"), [("cooled", 1), ("throttled", LIMIT)])
def test_while_workers_are_killed(
    clarion: Clarion,
    database: str,
    database_url: str,
    taken: Path,
    started: Children,
    type: str,
    limit: int,
) -> None:
    plan = Plan(database=database_url, chancy=str(taken), limits=SHORT)
    storm(clarion, type, Going(started, plan, WORKERS[database]), mixed=True, kills=True)
    all_ = sends(taken)
    never_more_than(limit, all_)
    nobody_untold_but_for(limit, clarion, all_)
    ended_well(clarion)


def test_each_channel_by_itself(
    clarion: Clarion, database: str, database_url: str, taken: Path, started: Children
) -> None:
    going = Going(started, Plan(database=database_url, chancy=str(taken)), WORKERS[database])
    storm(clarion, "cooled on each", going)
    all_ = sends(taken)
    stopped = untold(clarion)
    for channel in ("chancy", "chancier"):
        here = [sent for sent in all_ if sent.channel == channel]
        never_more_than(1, here)
        told = by_key(here)
        for one in stopped:
            assert channel not in one.channels or told[one.recipient, one.thread], one
    ended_well(clarion)


def test_all_channels_together(
    clarion: Clarion, database: str, database_url: str, taken: Path, started: Children
) -> None:
    """One notification goes out on both channels; only if both failed is another told."""
    going = Going(started, Plan(database=database_url, chancy=str(taken)), WORKERS[database])
    storm(clarion, "cooled on all", going)
    all_ = sends(taken)
    never_more_than(1, all_)
    nobody_untold_but_for(1, clarion, all_)
    ended_well(clarion)


@pytest.mark.parametrize("kills", [False, True], ids=["calm", "killed"])
def test_windows_that_begin_and_end(
    clarion: Clarion, database: str, database_url: str, taken: Path, started: Children, kills: bool
) -> None:
    """Between any two of one severity lies a whole window."""
    plan = Plan(database=database_url, chancy=str(taken), limits=SHORT if kills else {})
    storm(clarion, "cooled briefly", Going(started, plan, WORKERS[database]), mixed=True, kills=kills)
    for key, told in by_key(sends(taken)).items():
        for first, second in pairs(told):
            if first.severity == second.severity:
                assert second.at - first.at >= BRIEFLY.total_seconds(), (key, first, second)
    ended_well(clarion)


@pytest.mark.parametrize("kills", [False, True], ids=["calm", "killed"])
def test_what_is_held_is_all_sent_and_never_too_many_at_once(
    clarion: Clarion, database: str, database_url: str, taken: Path, started: Children, kills: bool
) -> None:
    plan = Plan(database=database_url, chancy=str(taken), limits=SHORT if kills else {})
    storm(clarion, "held", Going(started, plan, WORKERS[database]), kills=kills)
    all_ = sends(taken)
    for told in by_key(all_).values():
        first_sends: list[Sent] = []
        for sent in sorted(told, key=lambda sent: sent.at):
            if sent.event not in {earlier.event for earlier in first_sends}:
                first_sends.append(sent)
        for n, sent in enumerate(first_sends[LIMIT:]):
            assert sent.at - first_sends[n].at >= BRIEFLY.total_seconds()
    assert len({sent.delivery for sent in all_}) == results(clarion)["sent"]
    assert results(clarion).total() == count(clarion, notifications), "nothing is dropped"
    ended_well(clarion)
