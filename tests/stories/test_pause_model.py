"""Pauses, step by step, against a dictionary: several workers find out what is down and whether it is back, each with
what it read a while ago, beside operators who pause and resume; on both databases."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.ids import uuid7
from clarion.pause import ITSELF, Pause
from clarion.store import dialect, pauses
from clarion.store import schema as s
from clarion.store.database import Database
from tests.stories.queue_model import LEASE, SECOND, Span

EXAMPLES = int(os.environ.get("CLARION_AGREEMENTS", "0"))  # more of them, by hand
CHANNELS = ("email", "webhook")
KEYS = (("email", ""), ("webhook", ""), ("webhook", "a x.test"))  # channel, lane
ENDS = ("in vain", "in vain", "nothing to try it with", "answers")  # of a probe
JOURNEYS = (SECOND / 2, 2 * SECOND, 12 * SECOND, LEASE + SECOND, 100 * SECOND)

Answer = TypeVar("Answer")
Key = tuple[str, str]
workers, keys, numbers = st.sampled_from(("w1", "w2")), st.sampled_from(KEYS), st.integers(0, 9)


@dataclass(slots=True)
class Standing:
    """A pause, as the model has it. `tried`: until when somebody has a probe under way."""

    by: str
    code: str | None
    until: Span
    probes: int = 0
    tried: Span | None = None


def rest(probes: int, now: Span) -> Span:
    """Doubling from a second to half a minute, spread by a fifth."""
    wait = min(2**probes, 30) * SECOND
    return now.later(0.8 * wait, 1.2 * wait)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()
    clock.travel(-clock.journey())


def test_pauses_are_what_a_dictionary_says(database: str, db: Database) -> None:
    run_state_machine_as_test(
        lambda: Pauses(db),  # type: ignore[arg-type]  # whatever makes one will do
        settings=settings(
            deadline=None,
            max_examples=EXAMPLES or (60 if database == "sqlite" else 40),
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
            print_blob=True,
        ),
    )


class Pauses(RuleBasedStateMachine):
    """Workers, each with what it read last and what it is trying; and operators."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self.standing: dict[Key, Standing] = {}
        self.read: dict[tuple[str, Key], Pause] = {}
        self.trying: dict[tuple[str, Key], Pause] = {}
        self.waiting: set[Key] = set()
        clock.travel(-clock.journey())
        for table in (s.pauses, s.queue):
            db.run(lambda conn, table=table: conn.execute(sa.delete(table)))  # type: ignore[misc]  # of each

    def at_some_time(self, work: Callable[[Connection], Answer]) -> tuple[Answer, Span]:
        """`work` in a transaction, and between which two instants it was."""

        def timed(conn: Connection) -> tuple[Answer, Span]:
            first = dialect.read_now(conn)
            return work(conn), Span(first, max(dialect.read_now(conn), clock.now()))

        return self.db.run(timed)

    def same(self, key: Key, pause: Pause) -> Standing | None:
        """The pause that stands, if nobody has changed it since it was read."""
        found = self.standing.get(key)
        if found is None or (found.by, found.probes) != (pause.by, pause.probes):
            return None
        return found if found.until.holds(pause.until) else None

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────────────

    @rule(worker=workers, channel=st.sampled_from([None, None, *CHANNELS]))
    def look(self, worker: str, channel: str | None) -> None:
        (found, at), now = self.at_some_time(lambda conn: pauses.standing(conn, channel))
        assert now.holds(at)
        of_it = [key for key in KEYS if channel in {None, key[0]}]
        assert [(p.channel, p.lane) for p in found] == sorted(self.standing.keys() & set(of_it))
        for key in of_it:
            self.read.pop((worker, key), None)
        self.read |= {(worker, (p.channel, p.lane)): p for p in found}

    @rule(key=keys, code=st.sampled_from(["refused", "timed_out"]))
    def find_down(self, key: Key, code: str) -> None:
        """Somebody finds it out of reach: news to the first only."""
        news, now = self.at_some_time(lambda conn: pauses.begin(conn, *key, code=code, detail="says it"))
        assert news == (key not in self.standing)
        if news:
            self.standing[key] = Standing(ITSELF, code, rest(0, now))

    @initialize(down=st.sets(keys, min_size=1))
    def begin(self, down: set[Key]) -> None:
        for key in sorted(down):
            self.find_down(key, "refused")

    @rule(
        worker=workers,
        number=numbers,
        after=st.sampled_from([35, 2, 0]),
        fresh=st.booleans(),
        how=st.sampled_from([None, *ENDS]),
    )
    def try_it(self, worker: str, number: int, after: int, fresh: bool, how: str | None) -> None:
        """Only when the pause is over, and only one at a time; it may be known at once what it came to."""
        if fresh:
            self.look(worker, None)
        clock.travel(after * SECOND)
        known = sorted(wk for wk, pause in self.read.items() if not pause.asked_for)
        if not known:
            return
        worker, key = known[number % len(known)]
        pause = self.read[worker, key]
        mine, now = self.at_some_time(lambda conn: pauses.take_probe(conn, pause, LEASE))
        found = self.same(key, pause)
        if found is None or found.until.first > now.last:
            assert not mine, "changed meanwhile, or not over, or tried by another"
        elif found.until.last <= now.first:
            assert mine, "over, and nobody may try it"
        if mine:
            assert found is not None
            assert found.tried is None or found.tried.first <= now.last, "two try it at once"
            found.until = found.tried = now.later(LEASE)
            self.trying[worker, key] = mine
            if how is not None:
                self.comes_to(worker, key, how)

    @rule(number=numbers, how=st.sampled_from(ENDS), asked_for=st.sampled_from([False, False, True]))
    def come_to_know(self, number: int, how: str, asked_for: bool) -> None:
        """So late that another may try it, or that it is another pause by now: perhaps one that was just asked for."""
        if not self.trying:
            return
        worker, key = sorted(self.trying)[number % len(self.trying)]
        if asked_for:
            self.ask_for(key, "olga", 60 * SECOND)
        self.comes_to(worker, key, how)

    def comes_to(self, worker: str, key: Key, how: str) -> None:
        pause = self.trying.pop((worker, key))
        found = self.same(key, pause)
        match how:
            case "in vain":
                counts, now = self.at_some_time(
                    lambda conn: pauses.in_vain(conn, pause, code="refused", detail="still")
                )
                assert counts == (found is not None)
                if found is not None:
                    found.probes, found.code, found.tried = found.probes + 1, "refused", None
                    found.until = rest(found.probes, now)
            case "nothing to try it with":
                _, now = self.at_some_time(lambda conn: pauses.not_needed(conn, pause))
                if found is not None and key[1] and key not in self.waiting:
                    del self.standing[key]
                elif found is not None:
                    found.until, found.tried = now, None
            case "answers":
                self.ends(key)

    def ends(self, key: Key) -> None:
        ended, _ = self.at_some_time(lambda conn: pauses.end(conn, *key))
        standing = self.standing.get(key)
        if standing is None or standing.by != ITSELF:
            assert ended is None, "what somebody else asked for goes on"
        else:
            assert ended is not None
            assert (ended.by, ended.probes) == (standing.by, standing.probes)
            del self.standing[key]

    @rule(number=numbers)
    def go_on(self, number: int) -> None:
        """What an operator asked for needs no probe when it is over."""
        known = sorted(wk for wk, pause in self.read.items() if pause.asked_for)
        if not known:
            return
        worker, key = known[number % len(known)]
        self.runs_out(key, self.read[worker, key])

    def runs_out(self, key: Key, pause: Pause) -> None:
        done, now = self.at_some_time(lambda conn: pauses.run_out(conn, pause))
        found = self.same(key, pause)
        if found is None or found.until.first > now.last:
            assert not done, "prolonged meanwhile, or not over"
        elif found.until.last <= now.first:
            assert done
        if done:
            del self.standing[key]

    # ── Operators, what waits, and time ──────────────────────────────────────────────────────────────────

    @rule(key=keys, by=st.sampled_from(["olga", "oscar"]), lasts=st.sampled_from([5 * SECOND, 60 * SECOND]))
    def ask_for(self, key: Key, by: str, lasts: timedelta) -> None:
        """In place of any other."""
        now = clock.now()
        pause = Pause(channel=key[0], lane=key[1], by=by, since=now, until=now + lasts, code="asked_for")
        self.db.run(lambda conn: pauses.ask_for(conn, pause))
        self.standing[key] = Standing(by, "asked_for", Span(now + lasts, now + lasts))

    @rule(key=keys)
    def resume(self, key: Key) -> None:
        ended = self.db.run(lambda conn: pauses.resume(conn, *key))
        assert (ended is not None) == (self.standing.pop(key, None) is not None)

    @rule(key=keys)
    def something_waits_or_not(self, key: Key) -> None:
        channel, lane = key
        if key in self.waiting:
            gone = sa.delete(s.queue).where(s.queue.c.channel == channel, s.queue.c.lane == lane)
            self.db.run(lambda conn: conn.execute(gone))
        else:
            row = {"tenant": "a", "delivery_id": uuid7(), "channel": channel, "lane": lane, "priority": 1}
            self.db.run(lambda conn: conn.execute(sa.insert(s.queue).values(**row, due_at=clock.now())))
        self.waiting ^= {key}

    @rule(by=st.sampled_from(JOURNEYS))
    def time_goes_by(self, by: timedelta) -> None:
        clock.travel(by)

    # ── What holds after each step ───────────────────────────────────────────────────────────────────────

    @invariant()
    def holds(self) -> None:
        found, _ = self.db.read(pauses.standing)
        rows = {(p.channel, p.lane): p for p in found}
        assert rows.keys() == self.standing.keys()
        for key, pause in rows.items():
            standing = self.standing[key]
            assert (pause.by, pause.code, pause.probes) == (standing.by, standing.code, standing.probes), key
            assert standing.until.holds(pause.until), f"{key}: until {pause.until}, not in {standing.until}"
            standing.until = Span(pause.until, pause.until)

    def teardown(self) -> None:
        """In the end all is back, and every pause comes to its end by itself, if nothing went wrong before."""
        if sys.exc_info()[0] is not None:
            return
        clock.travel(2 * LEASE + 60 * SECOND)
        found, _ = self.db.read(pauses.standing)
        for pause in found:
            key = (pause.channel, pause.lane)
            if pause.asked_for:
                self.runs_out(key, pause)
            else:
                assert self.db.run(lambda conn, pause=pause: pauses.take_probe(conn, pause, LEASE))  # type: ignore[misc]  # of each
                self.ends(key)
        self.holds()
        assert not self.standing
