"""Workers as steps of a story: they claim, lose their leases and settle, and each step is held against the model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.delivery import Claim
from clarion.store import dialect, outcomes, pauses, queue
from clarion.store import schema as s
from clarion.store.database import Database
from clarion.store.outcomes import Settlement
from tests.store.make import CHANNEL
from tests.stories import queue_rows
from tests.stories.queue_model import HOUR, LEASE, SECOND, WORDS, Delivery, Model, Span, meaning

TENANTS = ("a", "b", "c")
JOURNEYS = (SECOND / 2, 3 * SECOND, 12 * SECOND, LEASE + SECOND, 100 * SECOND, 2 * HOUR)

Answer = TypeVar("Answer")
# What is drawn never depends on what is there: which of two rows of one age is claimed first, only the database knows.
tenants, workers, some = st.sampled_from(TENANTS), st.sampled_from(("w1", "w2", "w3")), st.integers(0, 59)


class Workers(RuleBasedStateMachine):
    """Workers that claim, settle and die, and the clock; what they do it with, others have to bring."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self.model = Model()
        self.hands: dict[str, list[Claim]] = defaultdict(list)  # what each worker ever claimed
        # What is settled once more says the same: there was no answer to its commit.
        self.said: dict[Claim, str] = {}
        self.paused: set[str] = set()
        clock.travel(-clock.journey())
        db.run(self.sweep)

    @staticmethod
    def sweep(conn: Connection) -> None:
        told_of = (s.deliveries, s.notifications, s.questions, s.withdrawals, s.events)
        for table in (s.pauses, s.queue, s.outcomes, *told_of):
            conn.execute(sa.delete(table))

    def at_some_time(self, work: Callable[[Connection], Answer]) -> tuple[Answer, Span]:
        """`work` in a transaction, and between which two instants it was."""

        def timed(conn: Connection) -> tuple[Answer, Span]:
            first = dialect.read_now(conn)
            return work(conn), Span(first, max(dialect.read_now(conn), clock.now()))

        return self.db.run(timed)

    # ── Workers ──────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        worker=workers,
        most=st.integers(1, 12),
        each=st.integers(1, 5),
        after=st.sampled_from(["", "", *TENANTS]),
        lanes=st.none() | st.none() | st.lists(tenants, unique=True),
    )
    def claim(self, worker: str, most: int, each: int, after: str, lanes: list[str] | None) -> None:
        """Behind some lane; or of these lanes, which may pause, as where it is to be found out whether they still must."""
        self.claims(worker, most, each, after, lanes)

    def claims(
        self, worker: str, most: int, each: int, after: str = "", lanes: list[str] | None = None
    ) -> list[Claim]:
        among = self.open_lanes(after) if lanes is None else lanes
        found, now = self.at_some_time(
            lambda conn: queue.claim_due(
                conn, CHANNEL, most=most, each=each, lease=LEASE, after=after, lanes=lanes
            )
        )
        picked = self.picked()
        surely, perhaps = (
            [d for d in some if d.lane in among] for some in self.model.claimable(now, lost=False)
        )
        assert all(d in perhaps for d in picked), "leased, not due, lost before, or not of these lanes"
        assert len(picked) <= most
        assert all(number <= each for number in Counter(d.lane for d in picked).values())
        if len(surely) == len(perhaps):
            assert Counter(map(_turn, picked)) == Counter(map(_turn, whose_turn(surely, among, most, each)))
        if most >= each * len(among):
            assert {d.lane for d in picked} >= {d.lane for d in surely}, "a lane was passed over"
        self.came_to(worker, picked, found, now)
        return found

    @rule(worker=workers)
    def claim_one_lost(self, worker: str) -> None:
        def work(conn: Connection) -> tuple[bool, Claim | None]:
            return queue.any_lost(conn, CHANNEL), queue.claim_one_lost(conn, CHANNEL, lease=LEASE)

        (there_are, found), now = self.at_some_time(work)
        picked = self.picked()
        among = self.open_lanes()
        surely, perhaps = (
            [d for d in some if d.lane in among] for some in self.model.claimable(now, lost=True)
        )
        assert all(d in perhaps for d in picked), "leased, not due, never lost, or of a lane that pauses"
        assert len(picked) <= 1
        if len(surely) == len(perhaps):
            assert there_are == bool(surely)
            oldest = min((_due(d) for d in surely), default=None)
            assert [_due(d) for d in picked] == ([] if oldest is None else [oldest])
        self.came_to(worker, picked, [] if found is None else [found], now)

    def came_to(self, worker: str, picked: Sequence[Delivery], found: Sequence[Claim], now: Span) -> None:
        """What was picked is what was returned, but for what had lost its lease; and it can be read."""
        leased = [d for d in picked if self.model.picked(d, now)]
        said = {(c.key, c.fence, c.attempts, c.losses, c.lane) for c in found}
        assert len(said) == len(found)
        assert said == {
            (d.key, w.claims, w.attempts, w.losses, d.lane) for d in leased if (w := d.waiting) is not None
        }
        works = self.db.read(lambda conn: queue.read_work(conn, found))
        assert {(w.claim.key, w.event_id, w.notification_id, w.recipient, w.withdrawn) for w in works} == {
            (d.key, d.event, d.notification, d.recipient, d.withdrawn) for d in leased
        }
        self.hands[worker] += sorted(found, key=lambda c: self.model.deliveries[c.key].number)

    @rule(
        number=some,
        held=st.lists(st.tuples(some, st.sampled_from(WORDS)), max_size=6),
        late=st.lists(st.tuples(some, st.sampled_from(WORDS)), max_size=2),
    )
    def settle(self, number: int, held: list[tuple[int, str]], late: list[tuple[int, str]]) -> None:
        """Some of what a worker has in hand, each with its outcome; and what it should have settled long ago."""
        hands = [hand for hand in self.hands.values() if hand]
        chosen: dict[Claim, str] = {}
        for is_open, said in ((True, held), (False, late)) if hands else ():
            hand = [c for c in hands[number % len(hands)] if self.model.is_open(c) == is_open]
            chosen |= {hand[-1 - n % len(hand)]: word for n, word in said if hand}
        self.settles([(claim, self.said.get(claim, word)) for claim, word in chosen.items()])

    def settles(self, said: Sequence[tuple[Claim, str]]) -> None:
        meant = [(claim, meaning(word, claim)) for claim, word in said if self.model.is_open(claim)]
        late = {claim.key for claim, _ in said if not self.model.is_open(claim)}
        batch = [Settlement(claim, queue_rows.outcome(word, claim)) for claim, word in said]
        settled, now = self.at_some_time(lambda conn: outcomes.settle(conn, batch))
        assert settled.lost == late, "what is fenced off is refused, and nothing else"
        self.said.update(said)
        for claim, its in meant:
            self.model.settled(claim, its, now)

    @rule(lane=tenants)
    def pause_or_resume(self, lane: str) -> None:
        """A lane that pauses is passed over, whatever becomes of what is in hand already."""
        if lane in self.paused:
            ended_ = self.db.run(lambda conn: pauses.end(conn, CHANNEL, lane))
            assert ended_ is not None
            self.paused.remove(lane)
        else:
            assert self.db.run(lambda conn: pauses.begin(conn, CHANNEL, lane, code="refused", detail=""))
            self.paused.add(lane)

    # ── Time ─────────────────────────────────────────────────────────────────────────────────────────────

    @rule(by=st.sampled_from(JOURNEYS))
    def time_goes_by(self, by: timedelta) -> None:
        clock.travel(by)

    @rule(times=st.integers(1, 5))
    def poison(self, times: int) -> None:
        """Worker after worker claims what it may, and dies."""
        for _ in range(times):
            self.claims("dead", 100, 100)
            self.holds()
            for _ in range(2):
                self.claim_one_lost("dead")
                self.holds()
            clock.travel(LEASE + 20 * SECOND)

    # ── What holds after each step ───────────────────────────────────────────────────────────────────────

    @invariant()
    def holds(self) -> None:
        rows = self.db.read(queue_rows.read)
        queue_rows.in_one_place(rows)
        queue_rows.agree(rows, self.model)

    # ── What the model says ──────────────────────────────────────────────────────────────────────────────

    def lanes(self) -> list[str]:
        return sorted({d.lane for d in self.model.deliveries.values()})

    def open_lanes(self, after: str = "") -> list[str]:
        return [lane for lane in self.lanes() if lane > after and lane not in self.paused]

    def picked(self) -> list[Delivery]:
        """What a claim has picked: its fence is another than the model says, or it has come to its end."""
        of = s.queue.c
        rows = self.db.read(lambda conn: conn.execute(sa.select(of.tenant, of.delivery_id, of.claims)).all())
        claims = {(row.tenant, row.delivery_id): row.claims for row in rows}
        return [d for d, w in self.model.waiting() if claims.get(d.key) != w.claims]


def _due(d: Delivery) -> Any:
    return d.waiting and d.waiting.due.first


def whose_turn(due: Sequence[Delivery], lanes: Sequence[str], most: int, each: int) -> list[Delivery]:
    """Lane by lane, in each the most severe first, and of those the oldest."""
    turns: list[Delivery] = []
    for lane in lanes:
        turns += sorted((d for d in due if d.lane == lane), key=_turn)[:each]
    return turns[:most]


def _turn(d: Delivery) -> tuple[str, int, Any]:
    return d.lane, -d.severity, _due(d)
