"""The sender of one channel: claim, ask again, render, send, settle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from uuid import UUID

from clarion import clock, telemetry, tracing
from clarion.cap import of_channel
from clarion.channels import Channel
from clarion.delivery import Claim, Outcome, Result, given_back
from clarion.errors import said
from clarion.event import Event
from clarion.policy import Retries
from clarion.slot import OWES
from clarion.store import queue
from clarion.store.outcomes import Settlement
from clarion.store.queue import Work
from clarion.workers import asking, attempting, charging
from clarion.workers.asking import Group, Ready
from clarion.workers.attempting import failed
from clarion.workers.claiming import Claiming
from clarion.workers.grace import Grace
from clarion.workers.hands import Hands
from clarion.workers.loop import Bell
from clarion.workers.pausing import Pausing
from clarion.workers.settling import Settling
from clarion.workers.wiring import ApplicationFailed, DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

_LOST_EVERY = 1.0
_AFTER_ERROR = 1.0
_LEASE_MARGIN = 2.0
_LAST_MOMENT = 2.0  # after the grace time, for what must be written
_EVENTS_KEPT = 512


class Sender:
    """Sends the deliveries of one channel, many at once, a bounded number."""

    def __init__(
        self,
        wiring: Wiring,
        threads: Threads,
        channel: Channel,
        bell: Bell,
        *,
        freed: Callable[[], None] = lambda: None,
    ) -> None:
        """`bell` is that of the loop which polls: rung when there is room again. `freed`: see `Settling`."""
        self._wiring, self._threads, self._channel, self._bell = wiring, threads, channel, bell
        self._limits = wiring.limits
        lease = self._limits.lease.total_seconds()
        self._margin = min(_LEASE_MARGIN, lease / 5)  # of a lease, kept for settling
        within = self._limits.settle_within.total_seconds()
        self._settling = Settling(threads, channel.name, within=within, freed=freed)
        self._pausing = Pausing(
            threads, channel.name, self._limits.lease, apart=wiring.lanes.apart(channel.name)
        )
        caps = of_channel(wiring.caps, channel.name)
        self._claiming = Claiming(threads, channel.name, caps, self._pausing, self._limits.lease)
        self._hands = Hands(
            self._limits.concurrency,
            enough=lease / 4,  # to begin with: a send that is cut off may have arrived
            attempt=partial(attempting.attempt, channel, wiring.renderer),
            may_begin=self._may_begin,
            ended=self._attempted,
        )
        self._enough_room = max(1, self._limits.batch // 2)  # for a claim
        self._running: dict[asyncio.Task[None], int] = {}  # how many deliveries each prepares
        self._events: dict[UUID, Event] = {}  # the one that was needed last comes last
        self._look_for_lost_at = 0.0
        self._rest_until = 0.0
        self._saw_lost = False
        self._alone = False

    async def poll(self) -> float:
        """Claim what there is room for; the seconds to rest."""
        rest = self._limits.poll.total_seconds()
        room = self._room()
        busy = (self._alone and self._in_hand) or room < self._enough_room
        if busy or asyncio.get_running_loop().time() < self._rest_until:
            return rest
        self._alone = False
        most = await self._pausing.room(min(room, self._limits.batch))
        if not most or await self._turn_of_the_lost():
            return rest
        until = clock.monotonic() + self._limits.lease.total_seconds()
        claims = await self._claiming.take(most)
        if claims:
            self._run(self._start(claims, until), len(claims))
            return 0.0
        self._pausing.nothing_claimed()
        if self._saw_lost and not self._in_hand:  # nobody else waits: go on with those
            self._saw_lost, self._look_for_lost_at = False, 0.0
            return 0.0
        if self._claiming.midway:
            return 0.0
        return min(rest, self._claiming.wait.total_seconds() or rest)

    async def finish(self, grace: Grace) -> None:
        """Begin nothing more; wait for what is being sent, give back the rest, settle all."""
        self._bell.stop()
        self._hands.give_back()
        if left := await grace.wait({*self._running, *self._hands.tasks}):
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_LAST_MOMENT)
        await self._pausing.finish()
        if unwritten := await self._settling.flush(within=_LAST_MOMENT):
            log.warning("outcomes of %d deliveries are not written, their leases will end", unwritten)
        with suppress(*DatabaseAway):
            await self._claiming.finish()

    @property
    def _in_hand(self) -> int:
        """Deliveries that are claimed and have not come to their end."""
        return sum(self._running.values()) + self._hands.in_hand

    def _room(self) -> int:
        """How many may be claimed: a batch ahead of what is begun, and one more while none waits for a hand."""
        ahead = 2 * self._limits.batch if self._hands.free else self._limits.batch
        return ahead - self._hands.waiting - sum(self._running.values())

    # ── Beginning ────────────────────────────────────────────────────────────────────────────────────────

    async def _turn_of_the_lost(self) -> bool:
        """Once a second, see to a delivery that lost its lease: alone, so wait until nothing else is in hand."""
        now = asyncio.get_running_loop().time()
        if now < self._look_for_lost_at:
            return False
        name = self._channel.name
        if not await self._threads.reading(lambda conn: queue.any_lost(conn, name)):
            self._saw_lost, self._look_for_lost_at = False, now + _LOST_EVERY
            return False
        if self._in_hand or await self._settling.flush(within=_LAST_MOMENT):
            return True
        until = clock.monotonic() + self._limits.lease.total_seconds()
        claim = await self._claiming.take_lost()
        self._look_for_lost_at = now + _LOST_EVERY
        if claim is None:
            return False
        self._saw_lost = self._alone = True
        self._run(self._start([claim], until), 1)
        return True

    async def _start(self, claims: Sequence[Claim], until: float) -> None:
        """Read what these claims are, beside the next claim, and begin with those that are still wanted."""
        types, known = self._wiring.types, self._events.copy()
        tracing.look()
        try:
            found = await self._threads.looking_up(lambda conn: asking.read(conn, claims, types, known))
        except asyncio.CancelledError:
            self._give_back(claims)
            raise
        except DatabaseAway as error:
            about = telemetry.about(channel=self._channel.name)
            log.warning("what %d deliveries are could not be read: %s", len(claims), said(error), extra=about)
            self._give_back(claims)
            self._rest_until = asyncio.get_running_loop().time() + _AFTER_ERROR
            return
        except Exception as error:
            alone = claims[0].delivery_id if len(claims) == 1 else None
            about = telemetry.about(delivery=alone, channel=self._channel.name)
            log.exception("what %d deliveries are cannot be read", len(claims), extra=about)
            if len(claims) > 1:  # one of them is at fault
                for n, claim in enumerate(claims, 1):
                    try:
                        await self._start([claim], until)
                    except asyncio.CancelledError:
                        self._give_back(claims[n:])
                        raise
            else:
                self._hand_in(claims[0], failed(claims[0], error, Retries()))
            return
        if self._bell.stopped:
            self._give_back(claims)
            return
        for work, outcome in found.refused:
            self._hand_in(work.claim, outcome)
        for group in found.groups:
            self._keep(group.event)
            if group.type.access is None:
                self._begin(group, until)
            else:
                self._run(self._begin_with_access(group, until), len(group.works))

    async def _begin_with_access(self, group: Group, until: float) -> None:
        """Ask the application who may still know, in a task of its own: it may take its time."""
        check, ids = group.type.access, [work.recipient for work in group.works]
        lane = f"{self._channel.name} {group.type.code}"
        left = list(group.works)
        try:
            if check is not None:
                about = partial(self._about, group)
                with telemetry.Meanwhile(about), tracing.calling("access", group.event):
                    async with asyncio.timeout(self._left(until)):
                        allowed = await self._threads.application(
                            lane, lambda: frozenset(check(group.event, ids, self._wiring.application))
                        )
                group = replace(group, facts=replace(group.facts, with_access=allowed))
            if not self._bell.stopped:
                left.clear()
                self._begin(group, until)
        except TimeoutError:
            log.warning(
                "access check of %r: no time left for %d deliveries",
                group.type.code,
                len(left),
                extra=self._about(group),
            )
        except ApplicationFailed as error:
            log.warning("access check of %r failed: %s", group.type.code, error, extra=self._about(group))
            left.clear()
            self._refuse_unanswered(group, error)
        finally:
            for work in left:
                self._hand_in(work.claim, given_back())

    def _refuse_unanswered(self, group: Group, error: ApplicationFailed) -> None:
        """Without access known nothing is sent; what another gate refuses anyway need not wait for it."""
        ready, refused = asking.ask(group, self._channel.name)
        for work, outcome in [*refused, *((r.work, asking.unanswered(r.work, error)) for r in ready)]:
            self._hand_in(work.claim, outcome, work, group.event)

    def _begin(self, group: Group, until: float) -> None:
        """Ask the gates again: settle what is no longer wanted, and send the rest."""
        try:
            ready, refused = asking.ask(group, self._channel.name)
        except Exception as error:
            log.exception(
                "deliveries of event %s cannot be decided on", group.event.id, extra=self._about(group)
            )
            ready = []
            refused = [(w, failed(w.claim, error, group.type.policy.retries)) for w in group.works]
        for work, outcome in refused:
            self._hand_in(work.claim, outcome, work, group.event)
        charged = any(rule.concerns(self._channel.name) for rule in group.type.policy.rules)
        owes = OWES if charged else None  # what was replayed owes, whether or not there is a rule for it
        self._hands.take([one for one in ready if one.work.claim.slots != owes], until - self._margin)
        if owing := [one for one in ready if one.work.claim.slots == owes]:
            self._run(self._charge(group, owing, until), len(owing))

    async def _charge(self, group: Group, owing: Sequence[Ready], until: float) -> None:
        """Let these take the slots that they owe, and send those that could."""
        name = self._channel.name
        ready: list[Ready] = []
        refused: list[tuple[Work, Outcome]] = [(one.work, given_back()) for one in owing]
        try:
            ready, refused = await self._threads.transaction(
                lambda conn: charging.charge(conn, group, name, owing)
            )
            self._hands.take(ready, until - self._margin)
        except DatabaseAway as error:
            log.warning("%d deliveries could not be charged: %s", len(owing), error, extra=self._about(group))
        except Exception as error:
            log.exception(
                "deliveries of event %s cannot be charged", group.event.id, extra=self._about(group)
            )
            retries = group.type.policy.retries
            refused = [(one.work, failed(one.work.claim, error, retries)) for one in owing]
        finally:
            for work, outcome in refused:
                self._hand_in(work.claim, outcome, work, group.event)
            seen = {one.work.claim.key for one in ready} | {work.claim.key for work, _ in refused}
            for one in owing:
                if one.work.claim.key not in seen:  # it found no room, and waits again already
                    self._not_tried(one.work.claim)

    def _give_back(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self._hand_in(claim, given_back())

    def _hand_in(
        self, claim: Claim, outcome: Outcome, work: Work | None = None, event: Event | None = None
    ) -> None:
        """The end of a claim with which nothing was tried."""
        self._not_tried(claim)
        address, recipient = (None, "") if work is None else (work.address_id, work.recipient)
        self._settling.add(Settlement(claim, outcome, address, event, recipient))

    def _not_tried(self, claim: Claim) -> None:
        self._pausing.passed_over(claim.lane)
        self._claiming.ended(claim, begun=False)

    def _run(self, work: Coroutine[None, None, None], deliveries: int) -> None:
        task = asyncio.create_task(work)
        self._running[task] = deliveries
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._bell.ring()

    def _about(self, group: Group) -> dict[str, str]:
        return telemetry.about(group.event, channel=self._channel.name)

    def _keep(self, event: Event) -> None:
        """Remember an event for its next deliveries; the oldest are forgotten."""
        self._events.pop(event.id, None)
        self._events[event.id] = event
        if len(self._events) > _EVENTS_KEPT:
            del self._events[next(iter(self._events))]

    # ── Sending ──────────────────────────────────────────────────────────────────────────────────────────

    def _left(self, until: float) -> float:
        """Seconds for sending, of a lease that ends at `until`."""
        return until - clock.monotonic() - self._margin

    def _may_begin(self, ready: Ready) -> bool:
        return not self._bell.stopped and not self._pausing.stops(ready.work.claim.lane)

    def _attempted(self, ready: Ready, outcome: Outcome) -> None:
        """Hand in what happened; at shutdown, what has not left is given back."""
        claim, begun = ready.work.claim, outcome.result is not Result.GIVEN_BACK
        self._pausing.ended(claim.lane, outcome)
        self._claiming.ended(claim, begun=begun)
        self._settling.add(Settlement(claim, outcome, ready.address.id, ready.event, ready.work.recipient))
        if self._hands.waiting < self._enough_room:
            self._bell.ring()
