"""The sender of one channel: claim, ask again, render, send, settle."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from clarion import clock
from clarion.channels import Channel
from clarion.delivery import Outcome, given_back, not_sent, sent
from clarion.errors import InvalidInput, Reject, Retry
from clarion.event import Event
from clarion.message import Message
from clarion.recipient import Address
from clarion.store import queue
from clarion.store.queue import Claim, Settlement
from clarion.workers import asking
from clarion.workers.asking import Group, Ready
from clarion.workers.settling import Settling
from clarion.workers.wiring import Threads, Wiring

log = logging.getLogger(__name__)

_LOST_EVERY = 1.0
_LEASE_MARGIN = 2.0  # seconds of a lease that are kept for settling
_EVENTS_KEPT = 512


class Sender:
    """Sends the deliveries of one channel, many at once, a bounded number."""

    def __init__(
        self, wiring: Wiring, threads: Threads, channel: Channel, *, freed: Callable[[], None]
    ) -> None:
        self._wiring, self._threads, self._channel, self._freed = wiring, threads, channel, freed
        self._limits = wiring.limits
        self._settling = Settling(threads, within=self._limits.settle_within.total_seconds())
        self._room = asyncio.Semaphore(self._limits.concurrency)
        self._running: set[asyncio.Task[None]] = set()
        self._events: OrderedDict[UUID, Event] = OrderedDict()
        self._lane = ""
        self._lanes = 1
        self._look_for_lost_at = 0.0
        self._alone = False
        self._stopping = False

    async def poll(self) -> float:
        """Claim what there is room for; the seconds to rest."""
        room = self._limits.concurrency + self._limits.batch - len(self._running)
        if self._alone or room < self._limits.batch // 2:
            return self._limits.poll.total_seconds()
        if await self._turn_of_the_lost():
            return self._limits.poll.total_seconds()
        until = clock.monotonic() + self._limits.lease.total_seconds()
        claims = await self._claim(min(room, self._limits.batch))
        if not claims:
            return self._limits.poll.total_seconds()
        await self._start(claims, until)
        return 0.0

    async def finish(self, grace: float) -> None:
        """Begin nothing more; wait so long for what is being sent, give back the rest, settle all."""
        self._stopping = True
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._settling.flush()

    # ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, most: int) -> list[Claim]:
        name, lease, after = self._channel.name, self._limits.lease, self._lane
        each = max(1, most // self._lanes)
        claims = await self._threads.transaction(
            lambda conn: queue.claim_due(conn, name, most=most, each=each, lease=lease, after=after)
        )
        lanes = {claim.lane for claim in claims}
        self._lane = max(lanes) if len(claims) == most else ""
        self._lanes = max(1, len(lanes))
        if not claims and after:
            return await self._claim(most)
        return claims

    async def _turn_of_the_lost(self) -> bool:
        """Once a second, see to a delivery that lost its lease: alone, so wait until nothing else is sent."""
        now = asyncio.get_running_loop().time()
        if now < self._look_for_lost_at:
            return False
        name, lease = self._channel.name, self._limits.lease
        if not await self._threads.reading(lambda conn: queue.any_lost(conn, name)):
            self._look_for_lost_at = now + _LOST_EVERY
            return False
        if self._running:
            return True
        until = clock.monotonic() + lease.total_seconds()
        claim = await self._threads.transaction(lambda conn: queue.claim_one_lost(conn, name, lease=lease))
        if claim is not None:
            self._alone = True
            await self._start([claim], until)
        return claim is not None

    async def _start(self, claims: Sequence[Claim], until: float) -> None:
        """Ask again, settle what is no longer wanted, and begin to send the rest."""
        types, known = self._wiring.types, self._events
        found = await self._threads.reading(lambda conn: asking.read(conn, claims, types, known))
        refused = found.refused
        for group in found.groups:
            self._keep(group.event)
            ready, unwanted = asking.ask(await self._with_access(group), self._channel.name)
            refused += unwanted
            for one in ready:
                task = asyncio.create_task(self._attempt(one, until))
                self._running.add(task)
                task.add_done_callback(self._ended)
        for work, outcome in refused:
            self._settling.add(Settlement(work.claim, outcome))
        self._alone = self._alone and bool(self._running)

    async def _with_access(self, group: Group) -> Group:
        check = group.type.access
        if check is None:
            return group
        ids = [work.recipient for work in group.works]
        allowed = await self._threads.application(
            lambda: frozenset(check(group.event, ids, self._wiring.application))
        )
        return replace(group, facts=replace(group.facts, with_access=allowed))

    def _keep(self, event: Event) -> None:
        """Remember an event for its next deliveries; the oldest are forgotten."""
        self._events[event.id] = event
        self._events.move_to_end(event.id)
        while len(self._events) > _EVENTS_KEPT:
            self._events.popitem(last=False)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._alone = self._alone and bool(self._running)
        if len(self._running) <= self._limits.concurrency:
            self._freed()

    # ── Sending ──────────────────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, ready: Ready, until: float) -> None:
        """One delivery: render, send within what is left of the lease, and hand in what happened."""
        outcome = given_back()
        try:
            async with self._room:
                left = until - clock.monotonic() - _LEASE_MARGIN
                if left > 0 and not self._stopping:
                    outcome = await self._send(ready, left)
        finally:  # cancelled at shutdown: what has not left is given back
            self._settling.add(Settlement(ready.work.claim, outcome, ready.address.id))

    async def _send(self, ready: Ready, left: float) -> Outcome:
        claim = ready.work.claim
        began = clock.monotonic()
        try:
            message = self._render(ready)
            address = Address(ready.address.channel, ready.address.value, ready.address.locale)
            receipt = await self._within(left, self._channel.send(message, address))
        except asyncio.CancelledError:
            error: BaseException = Retry("unknown_outcome", "the worker stopped while this was being sent")
        except Exception as raised:  # noqa: BLE001 - whatever a channel raises is an outcome
            error = raised
        else:
            return sent(receipt, timedelta(seconds=clock.monotonic() - began))
        return not_sent(
            error,
            attempt=claim.attempts + 1,
            claim=claim.fence,
            retries=ready.type.policy.retries,
            duration=timedelta(seconds=clock.monotonic() - began),
        )

    @staticmethod
    async def _within(seconds: float, sending: Awaitable[str | None]) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                return await sending
        except TimeoutError:
            raise Retry("unknown_outcome", f"no answer before the lease ended ({seconds:.0f} s)") from None

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
