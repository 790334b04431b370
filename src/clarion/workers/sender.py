"""The sender of one channel: claim, ask again, render, send, settle."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import clock
from clarion.channels import Channel
from clarion.delivery import Outcome, given_back, not_sent, sent
from clarion.errors import InvalidInput, Reject, Retry
from clarion.event import Event
from clarion.message import Message
from clarion.policy import Retries
from clarion.recipient import Address
from clarion.store import queue
from clarion.store.queue import Claim, Settlement
from clarion.workers import asking
from clarion.workers.asking import Group, Ready
from clarion.workers.loop import Bell
from clarion.workers.settling import Settling
from clarion.workers.wiring import ApplicationFailed, DatabaseAway, Threads, Wiring

log = logging.getLogger(__name__)

_LOST_EVERY = 1.0
_LEASE_MARGIN = 2.0
_LAST_MOMENT = 2.0  # after the grace time, for what must be written
_EVENTS_KEPT = 512


class Sender:
    """Sends the deliveries of one channel, many at once, a bounded number."""

    def __init__(self, wiring: Wiring, threads: Threads, channel: Channel, bell: Bell) -> None:
        """`bell` is that of the loop which polls: rung when there is room again."""
        self._wiring, self._threads, self._channel, self._bell = wiring, threads, channel, bell
        self._limits = wiring.limits
        lease = self._limits.lease.total_seconds()
        self._margin = min(_LEASE_MARGIN, lease / 5)  # of a lease, kept for settling
        self._enough = lease / 4  # to begin with: a send that is cut off may have arrived
        self._settling = Settling(threads, within=self._limits.settle_within.total_seconds())
        self._room = asyncio.Semaphore(self._limits.concurrency)
        self._running: dict[asyncio.Task[None], int] = {}  # how many deliveries each has in hand
        self._events: OrderedDict[UUID, Event] = OrderedDict()
        self._lane = ""
        self._lanes = 1
        self._look_for_lost_at = 0.0
        self._saw_lost = False
        self._alone = False

    async def poll(self) -> float:
        """Claim what there is room for; the seconds to rest."""
        rest = self._limits.poll.total_seconds()
        room = self._limits.concurrency + self._limits.batch - sum(self._running.values())
        if (self._alone and self._running) or room < max(1, self._limits.batch // 2):
            return rest
        self._alone = False
        if await self._turn_of_the_lost():
            return rest
        until = clock.monotonic() + self._limits.lease.total_seconds()
        claims = await self._claim(min(room, self._limits.batch))
        if claims:
            await self._start(claims, until)
            return 0.0
        if self._saw_lost and not self._running:  # nobody else waits: go on with those
            self._saw_lost, self._look_for_lost_at = False, 0.0
            return 0.0
        return 0.0 if self._lane else rest

    async def finish(self, grace: float) -> None:
        """Begin nothing more; wait so long for what is being sent, give back the rest, settle all."""
        self._bell.stop()
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=grace)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=_LAST_MOMENT)
        if unwritten := await self._settling.flush(within=_LAST_MOMENT):
            log.warning("outcomes of %d deliveries are not written, their leases will end", unwritten)

    # ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, most: int) -> list[Claim]:
        """What is due, some of each lane; where to go on next time is remembered."""
        name, lease, after = self._channel.name, self._limits.lease, self._lane
        each = max(1, most // self._lanes)

        def work(conn: Connection) -> tuple[list[Claim], str]:
            claims = queue.claim_due(conn, name, most=most, each=each, lease=lease, after=after)
            if len(claims) == most:
                return claims, max(claim.lane for claim in claims)
            return claims, queue.last_lane(conn, name, after=after)

        claims, self._lane = await self._threads.transaction(work)
        self._lanes = max(1, len({claim.lane for claim in claims}))
        return claims

    async def _turn_of_the_lost(self) -> bool:
        """Once a second, see to a delivery that lost its lease: alone, so wait until nothing else is in hand."""
        now = asyncio.get_running_loop().time()
        if now < self._look_for_lost_at:
            return False
        name, lease = self._channel.name, self._limits.lease
        if not await self._threads.reading(lambda conn: queue.any_lost(conn, name)):
            self._saw_lost, self._look_for_lost_at = False, now + _LOST_EVERY
            return False
        if self._running or await self._settling.flush(within=_LAST_MOMENT):
            return True
        until = clock.monotonic() + lease.total_seconds()
        claim = await self._threads.transaction(lambda conn: queue.claim_one_lost(conn, name, lease=lease))
        self._look_for_lost_at = now + _LOST_EVERY
        if claim is None:
            return False
        self._saw_lost = self._alone = True
        await self._start([claim], until)
        return True

    async def _start(self, claims: Sequence[Claim], until: float) -> None:
        """Read what these claims are, and begin with those that are still wanted."""
        types, known = self._wiring.types, self._events
        try:
            found = await self._threads.reading(lambda conn: asking.read(conn, claims, types, known))
        except DatabaseAway:
            for claim in claims:
                self._settling.add(Settlement(claim, given_back()))
            raise
        except Exception as error:
            log.exception("what %d deliveries are cannot be read", len(claims))
            if len(claims) > 1:  # one of them is at fault
                for claim in claims:
                    await self._start([claim], until)
            else:
                self._settling.add(Settlement(claims[0], _failed(claims[0], error, Retries())))
            return
        for work, outcome in found.refused:
            self._settling.add(Settlement(work.claim, outcome))
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
                async with asyncio.timeout(self._left(until)):
                    allowed = await self._threads.application(
                        lane, lambda: frozenset(check(group.event, ids, self._wiring.application))
                    )
                group = replace(group, facts=replace(group.facts, with_access=allowed))
            if not self._bell.stopped:
                left.clear()
                self._begin(group, until)
        except TimeoutError:
            log.warning("access check of %r: no time left for %d deliveries", group.type.code, len(left))
        except ApplicationFailed as error:
            log.warning("access check of %r failed: %s", group.type.code, error)
            left.clear()
            self._refuse_unanswered(group, error)
        finally:
            for work in left:
                self._settling.add(Settlement(work.claim, given_back()))

    def _refuse_unanswered(self, group: Group, error: ApplicationFailed) -> None:
        """Without access known nothing is sent; what another gate refuses anyway need not wait for it."""
        ready, refused = asking.ask(group, self._channel.name)
        for work, outcome in [*refused, *((r.work, asking.unanswered(r.work, error)) for r in ready)]:
            self._settling.add(Settlement(work.claim, outcome))

    def _begin(self, group: Group, until: float) -> None:
        """Ask the gates again: settle what is no longer wanted, and send the rest."""
        try:
            ready, refused = asking.ask(group, self._channel.name)
        except Exception as error:
            log.exception("deliveries of event %s cannot be decided on", group.event.id)
            ready = []
            refused = [(w, _failed(w.claim, error, group.type.policy.retries)) for w in group.works]
        for work, outcome in refused:
            self._settling.add(Settlement(work.claim, outcome))
        for one in ready:
            self._run(self._attempt(one, until), 1)

    def _run(self, work: Coroutine[None, None, None], deliveries: int) -> None:
        task = asyncio.create_task(work)
        self._running[task] = deliveries
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if len(self._running) <= self._limits.concurrency:
            self._bell.ring()

    def _keep(self, event: Event) -> None:
        """Remember an event for its next deliveries; the oldest are forgotten."""
        self._events[event.id] = event
        self._events.move_to_end(event.id)
        while len(self._events) > _EVENTS_KEPT:
            self._events.popitem(last=False)

    # ── Sending ──────────────────────────────────────────────────────────────────────────────────────────

    def _left(self, until: float) -> float:
        """Seconds for sending, of a lease that ends at `until`."""
        return until - clock.monotonic() - self._margin

    async def _attempt(self, ready: Ready, until: float) -> None:
        """One delivery: wait for room, send within what is left of the lease, and hand in what happened."""
        outcome = given_back()
        try:
            async with asyncio.timeout(self._left(until) - self._enough) as patience, self._room:
                left = self._left(until)
                if left >= self._enough and not self._bell.stopped:
                    patience.reschedule(asyncio.get_running_loop().time() + left)
                    outcome = await self._send(ready, patience)
        except TimeoutError:  # there was no room in time: another worker may have some
            pass
        finally:  # cancelled at shutdown: what has not left is given back
            self._settling.add(Settlement(ready.work.claim, outcome, ready.address.id))

    async def _send(self, ready: Ready, lease: asyncio.Timeout) -> Outcome:
        began = clock.monotonic()
        error: BaseException
        try:
            message = self._render(ready)
            address = Address(ready.address.channel, ready.address.value, ready.address.locale)
            receipt = await self._channel.send(message, address)
        except asyncio.CancelledError:
            why = "no answer before the lease ended" if lease.expired() else "the worker stopped meanwhile"
            error = Retry("unknown_outcome", why)
        except Exception as raised:  # noqa: BLE001 - whatever a channel raises is an outcome
            error = raised
        else:
            kept = receipt if isinstance(receipt, str) else None  # it was taken, whatever a channel returns
            return sent(kept, timedelta(seconds=clock.monotonic() - began))
        took = timedelta(seconds=clock.monotonic() - began)
        return _failed(ready.work.claim, error, ready.type.policy.retries, took)

    def _render(self, ready: Ready) -> Message:
        work, event, renderer = ready.work, ready.event, self._wiring.renderer
        locale = renderer.locale(ready.recipient.locale, ready.address.locale)
        try:
            content = renderer.render(
                event,
                ready.type,
                channel=self._channel.name,
                reason=work.reason,
                locale=locale,
                severity=work.severity,
                recipient=ready.recipient,
            )
        except InvalidInput as error:
            raise Reject("render", str(error)) from error
        return Message(
            id=work.claim.delivery_id,
            tenant=work.claim.tenant,
            event=event,
            recipient=ready.recipient,
            reason=work.reason,
            severity=work.severity,
            locale=locale,
            url=renderer.url(event),
            content=content,
            attempt=work.claim.attempts + 1,
        )


def _failed(
    claim: Claim, error: BaseException, retries: Retries, duration: timedelta = timedelta()
) -> Outcome:
    return not_sent(error, attempt=claim.attempts + 1, claim=claim.fence, retries=retries, duration=duration)
