"""Promise 2, step by step: whatever workers, clocks and people do, in whatever order, each delivery is in one place.

Random steps are taken with the functions that workers use, on both databases, and after each of them every row is
held against a dictionary.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.delivery import State
from clarion.lane import Lanes
from clarion.severity import Severity
from clarion.store import dialect, ended, pruning, replaying, withdrawals
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.ended import Chosen
from clarion.store.pruning import Round, Tally
from tests.store.make import person, told
from tests.store.past import dangling
from tests.store.test_withdrawals import apply_all
from tests.stories import queue_rows
from tests.stories.queue_model import DAY, HOUR, LEASE, SECOND, WORDS, Delivery, Span, Told, Waiting
from tests.stories.queue_workers import TENANTS, Workers, some, tenants, workers

EXAMPLES = int(os.environ.get("CLARION_AGREEMENTS", "0"))  # more of them, by hand
STEPS = 40
PEOPLE = {"ann": ("ann@x.test", "ann@y.test"), "bob": ("bob@x.test",), "cat": ("cat@x.test",)}
SUBJECTS = ("cl/1", "cl/2")
RETENTION = 30 * DAY
NEAR = 20 * SECOND  # ids may be ahead of the clock so far
ENDED = (State.FAILED, State.SUPPRESSED, State.CANCELLED)

Emission = tuple[str, list[str], Severity, str, timedelta]  # tenant, recipients, severity, subject, due in
emissions: st.SearchStrategy[Emission] = st.tuples(
    st.sampled_from(TENANTS),
    st.lists(st.sampled_from(sorted(PEOPLE)), min_size=1, unique=True),
    st.sampled_from(list(Severity)),
    st.sampled_from(SUBJECTS),
    st.sampled_from([timedelta(), timedelta(), 20 * SECOND, 2 * HOUR]),
)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with some people, which is opened once: what else is in it is swept away before each example."""
    opened = Database(database_url)

    def write(conn: Connection) -> None:
        for tenant in TENANTS:
            for id, addresses in PEOPLE.items():
                person(conn, id, tenant, addresses)

    opened.run(write)
    yield opened
    opened.close()
    clock.travel(-clock.journey())


def test_queue_leases_and_ends_are_what_a_dictionary_says(database: str, db: Database) -> None:
    run_state_machine_as_test(
        lambda: Deliveries(db),  # type: ignore[arg-type]  # whatever makes one will do
        settings=settings(
            deadline=None,
            max_examples=EXAMPLES or (30 if database == "sqlite" else 20),
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
            print_blob=True,
        ),
    )


class Deliveries(Workers):
    """People who emit, take back, replay and remove, beside the workers."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.accepted = 0
        self.taken_back: list[tuple[list[Told], str | None, str]] = []  # and not applied yet

    @initialize(events=st.lists(emissions, min_size=2, max_size=5))
    def begin(self, events: list[Emission]) -> None:
        for event in events:
            self.emit(event)

    @rule(event=emissions)
    def emit(self, event: Emission) -> None:
        tenant, who, severity, subject, later = event
        fields: dict[str, Any] = {"tenant": tenant, "severity": severity, "subject": subject}
        if later:
            fields["at"] = clock.now() + later
        made, now = self.at_some_time(lambda conn: told(conn, *who, **fields))
        due = Span(made.at, made.at) if later else now
        self.model.events[made.id] = Told(tenant=tenant, id=made.id, subject=subject, at=made.at)
        rows = self.db.read(lambda conn: queue_rows.accepted(conn, made.id))
        assert Counter(row.recipient for row in rows) == {id: len(PEOPLE[id]) for id in who}
        for row in rows:
            self.accepted += 1
            delivery = Delivery(
                number=self.accepted,
                key=(row.tenant, row.id),
                event=made.id,
                notification=row.notification_id,
                recipient=row.recipient,
                lane=row.lane,
                severity=int(severity),
                waiting=Waiting(due),
            )
            self.model.deliveries[delivery.key] = delivery

    @rule(
        number=some,
        about=st.sampled_from(["event_id", "subject"]),
        recipient=st.sampled_from([None, *PEOPLE]),
        at_once=st.booleans(),
    )
    def take_back(self, number: int, about: withdrawals.Target, recipient: str | None, at_once: bool) -> None:
        if events := list(self.model.events.values()):
            self.takes_back(events[number % len(events)], about, recipient)
        if at_once:
            self.apply(1000)

    def takes_back(self, event: Told, about: withdrawals.Target, recipient: str | None) -> None:
        """One event, or all about its subject; nothing changes until it is applied."""
        alone = about == "event_id"
        value = event.id if alone else event.subject
        self.db.run(lambda conn: withdrawals.write(conn, event.tenant, about, value, recipient=recipient))
        alike = [
            e for e in self.model.events.values() if (e.tenant, e.subject) == (event.tenant, event.subject)
        ]
        self.taken_back.append(
            ([event] if alone else alike, recipient, "cancelled" if alone else "withdrawn")
        )

    @rule(most=st.sampled_from([1, 2, 1000]))
    def apply(self, most: int) -> None:
        first = self.db.read(dialect.read_now)
        apply_all(self.db, most=most)
        rows, last = self.at_some_time(queue_rows.read)
        for events, recipient, code in self.taken_back:
            self.model.withdrawn(events, recipient, code, Span(first, last.last), rows.queue.keys())
        self.taken_back.clear()

    @rule(
        tenant=tenants,
        states=st.sampled_from([ENDED, ENDED[:1], ENDED[1:]]),
        past_max_age=st.booleans(),
        numbers=st.none() | st.sets(st.integers(0, 20)),
    )
    def replay(
        self, tenant: str, states: tuple[State, ...], past_max_age: bool, numbers: set[int] | None
    ) -> None:
        """All that ended so, or some of it by id."""
        all_ = [d for d in self.model.deliveries.values() if d.key[0] == tenant]
        mine = [d for n, d in enumerate(all_) if numbers is None or n in numbers]
        named = None if numbers is None else tuple(d.key[1] for d in mine)
        chosen = Chosen(tenant=tenant, states=states, past_max_age=past_max_age, deliveries=named)

        def work(conn: Connection) -> int:
            at = ended.preview(conn, chosen).at
            keys = ended.keys(conn, chosen, upto=at, after=ended.START, most=1000)
            return replaying.put_back(conn, chosen, keys, lanes=Lanes({}), by="olga")

        number, now = self.at_some_time(work)
        ready = [
            d for d in self.model.replayable(tenant, states, now.last, past_max_age=past_max_age) if d in mine
        ]
        assert number == len(ready)
        for d in ready:
            self.model.replayed(d, now)

    @rule(days=st.sampled_from([0, 4, 31]), most=st.sampled_from([12, 1000]))
    def prune(self, days: int, most: int) -> None:
        """Nothing undelivered goes, nor what came to its end within the retention; all else does."""
        clock.travel(days * DAY)
        first = self.db.read(dialect.read_now)
        pruning.run(self.db, Round(before=RETENTION, most=most).steps(Tally()), lambda: None)
        left, now = self.at_some_time(lambda conn: set(conn.execute(sa.select(s.events.c.id)).scalars()))
        kept = {event.id for events, *_ in self.taken_back for event in events}
        for event in list(self.model.events):
            if event in left:
                assert event in kept or not self.model.over(event, first - RETENTION - NEAR), "over, and kept"
            else:
                assert self.model.over(event, now.last - RETENTION), "removed, and not over"
                self.model.pruned(event)
        assert dangling(self.db) == []

    @rule(
        worker=workers,
        words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
        meanwhile=st.booleans(),
        times=st.sampled_from([1, 1, 2]),
    )
    def work(self, worker: str, words: list[str], meanwhile: bool, times: int) -> None:
        """Claim, and settle so many of these at once, or once more, for want of an answer; the others stay in hand."""
        found = sorted(self.claims(worker, 5, 3), key=lambda c: self.model.deliveries[c.key].number)
        self.holds()
        if meanwhile and found:
            self.takes_back(self.model.events[self.model.deliveries[found[0].key].event], "event_id", None)
            self.apply(1000)
            self.holds()
        for _ in range(times):
            self.settles(list(zip(found, words, strict=False)))
            self.holds()

    def teardown(self) -> None:
        """In the end everything that was accepted comes to its end, if nothing went wrong before."""
        if sys.exc_info()[0] is not None:
            return
        self.apply(1000)
        for lane in list(self.paused):
            self.pause_or_resume(lane)
        for _ in range(100):
            if not self.model.waiting():
                break
            clock.travel(LEASE + 2 * HOUR)
            self.settles([(claim, "sent") for claim in self.claims("last", 100, 100)])
            self.claim_one_lost("last")
            self.settles([(claim, "sent") for claim in self.hands["last"][-1:] if self.model.is_open(claim)])
            self.holds()
        assert all(d.end for d in self.model.deliveries.values()), "something never came to its end"
        assert not self.db.read(queue_rows.read).queue
