"""Promise 3: what `simulate` previews, what is decided, what `why` says and what really went out are one account.

On random events, people, preferences and clocks, through real workers and both databases.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, reject, settings

from clarion import Address, Clarion, Gone, Message, clock
from clarion.delivery import State
from clarion.explanation import ChannelWhy, Explanation
from clarion.question import INBOX
from clarion.store.schema import events, queue, slots
from tests.stories.lives import CHANNELS, DEAD, DECIDED_AGAIN, PEOPLE, TYPES, Happening, Life, lives, write
from tests.support.working import limits, until, working

EXAMPLES = int(os.environ.get("CLARION_AGREEMENTS", "0"))  # more of them, by hand
PATIENCE = 12.0  # seconds: an example that takes longer, on a very busy machine, comes too near to what ends
NEAR = timedelta(seconds=PATIENCE)
# What may befall a delivery that was held: it is asked again before it is sent.
MEANWHILE = ("expired", "silenced", "read", "reachable", "cooldown", "throttle")

_numbers = itertools.count()
_Got = dict[tuple[UUID, str, str, str], list[datetime]]


class Recorder:
    """A channel that writes down what it got, and when; some addresses are dead."""

    def __init__(self, name: str, got: _Got) -> None:
        self.name, self._got = name, got

    async def send(self, message: Message, address: Address) -> None:
        if address.value.startswith(DEAD):
            raise Gone("smtp_550")
        self._got[message.event.id, message.recipient.id, self.name, address.value].append(clock.now())


@pytest.fixture
def monday(database_url: str) -> datetime:
    """Midnight of a Monday, when every type has long been enabled on every channel."""
    clarion = application(database_url, {code: {} for code in TYPES}, defaultdict(list))
    clarion.start()
    clarion.close()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=14 - midnight.weekday())


def application(url: str, types: dict[str, dict[str, Any]], got: _Got) -> Clarion:
    channels = [Recorder(name, got) for name in CHANNELS]
    quick = limits(poll=timedelta(milliseconds=2), settle_within=timedelta(milliseconds=1))
    clarion = Clarion(url, channels=channels, limits=quick)
    for code, options in types.items():
        clarion.type(code, **options)
    return clarion


@pytest.fixture
def home() -> Iterator[None]:
    yield
    clock.travel(-clock.journey())


@pytest.mark.usefixtures("home")
def test_one_account_of_every_decision(database: str, database_url: str, monday: datetime) -> None:
    @settings(
        deadline=None,
        max_examples=EXAMPLES or (45 if database == "sqlite" else 12),
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
        print_blob=True,
    )
    @given(lives)
    def agree(life: Life) -> None:
        with lived(database_url, life, monday):
            pass  # every check is made on the way

    agree()


@contextmanager
def lived(url: str, life: Life, monday: datetime) -> Iterator[Agreement]:
    """A life to its end, with every check on the way."""
    agreement = Agreement(url, life, monday + life.begins)
    try:
        asyncio.run(agreement.live())
        yield agreement
    finally:
        agreement.clarion.close()


class Agreement:
    """One life, in a tenant of its own."""

    def __init__(self, url: str, life: Life, begins: datetime) -> None:
        self.life, self.tenant = life, f"t{next(_numbers)}"
        self.got: _Got = defaultdict(list)
        self.clarion = application(url, life.types, self.got)
        self.told: list[UUID] = []
        self.began = time.monotonic()
        clock.travel(begins - clock.now())

    async def live(self) -> None:
        self.clarion.database.run(lambda conn: write(conn, self.tenant, self.life, clock.now()))
        async with working(self.clarion):
            for happening in self.life.happenings:
                await self.happens(happening)
            await self.come_to_rest()
        for event in self.told:
            self.check_what_went_out(event)
        self.check_again()

    # ── While it happens ─────────────────────────────────────────────────────────────────────────────────

    async def happens(self, one: Happening) -> None:
        """Preview the event, emit it, let it be decided on, and compare."""
        clock.travel(one.after)
        await self.quiet()
        now = clock.now()
        fields = {**one.fields, "tenant": self.tenant}
        if one.due is not None:
            fields["at"] = now + one.due
        if one.expires is not None:
            fields["expires_at"] = now + one.expires
        surprise = one.due is not None and self.waiting()  # what else happens until then, nobody knows now
        preview = self.clarion.simulate(**fields)
        event = self.clarion.database.run(lambda conn: self.clarion.emit(conn, **fields))
        clock.travel(one.due or timedelta())
        await self.quiet()
        self.told.append(event)
        if time.monotonic() - self.began > PATIENCE:
            reject()
        told = {t.recipient for t in self.clarion.status(event, tenant=self.tenant)}
        assert told == {e.recipient for e in preview.explanations}
        for explanation in preview.explanations:
            real = self.why(event, explanation.recipient)
            if real.decided_at is None and not surprise:
                same(explanation, real)
        for name in {*PEOPLE, "nobody"} - told:
            assert self.why(event, name).reason is None
        if one.reads:
            for name in PEOPLE:
                read = [item.id for item in self.clarion.inbox.list(name, tenant=self.tenant).items]
                self.clarion.inbox.mark_read(name, read, tenant=self.tenant)

    def why(self, event: UUID, recipient: str) -> Explanation:
        found = self.clarion.why(event, recipient, tenant=self.tenant)
        assert found.still_so, "this version decided it"
        return found

    async def quiet(self) -> None:
        """Until nothing is due."""
        await until(lambda: not self.first(due=clock.now()))

    def waiting(self) -> bool:
        return self.first() is not None

    def first(self, due: datetime | None = None) -> datetime | None:
        """When the first of what waits is due; of what is due by then, if that is asked."""

        def read(conn: sa.Connection) -> datetime | None:
            found = [
                conn.execute(sa.select(sa.func.min(column)).where(tenant == self.tenant)).scalar()
                for column, tenant in (
                    (events.c.due_at, events.c.tenant),
                    (queue.c.due_at, queue.c.tenant),
                    (slots.c.freed_at, slots.c.tenant),
                )
            ]
            at = [instant for instant in found if instant is not None and (due is None or instant <= due)]
            return min(at, default=None)

        return self.clarion.database.read(read)

    async def come_to_rest(self) -> None:
        """Travel to each instant that something waits for, until nothing does."""
        for n in itertools.count():
            await self.quiet()
            due = self.first()
            if due is None:
                return
            assert n < 1000, f"something waits for ever, now until {due}"
            ahead = max(due - clock.now(), timedelta())
            clock.travel(ahead if n < 12 else max(ahead, timedelta(minutes=30)))

    # ── When all is over ─────────────────────────────────────────────────────────────────────────────────

    def check_what_went_out(self, event: UUID) -> None:
        received = dict.fromkeys(key for key in self.got if key[0] == event)
        for one in self.clarion.status(event, tenant=self.tenant):
            why = self.why(event, one.recipient)
            for channel in why.channels:
                if channel.channel == INBOX:
                    items = self.clarion.inbox.list(one.recipient, tenant=self.tenant).items
                    assert channel.told == any(item.event.id == event for item in items)
                    continue
                deliveries = [d for d in why.deliveries if d.channel == channel.channel]
                assert bool(deliveries) == channel.told
                for delivery in deliveries:
                    key = (event, one.recipient, channel.channel, delivery.address or "")
                    received.pop(key, None)
                    check_delivery(channel, delivery.state, delivery.attempts[-1].code, key[3], self.got[key])
        assert not received, "somebody got what was not decided"

    def check_again(self) -> None:
        """What nobody would change is as it was; and the one change that stops it, stops it."""
        if not any(options["policy"].rules for options in self.life.types.values()):
            assert self.clarion.simulate_again(self.told, tenant=self.tenant).changed == ()
        for event in self.told:
            for one in self.clarion.status(event, tenant=self.tenant)[:2]:
                view = self.why(event, one.recipient).own()
                if view.stop is not None:
                    change = {one.recipient: [view.stop]}
                    again = self.clarion.simulate_again([event], preferences=change, tenant=self.tenant)
                    (compared,) = (c for c in again.notifications if c.before.recipient == one.recipient)
                    assert compared.before.told
                    assert not compared.after.told


@pytest.mark.usefixtures("home")
def test_what_a_slot_blocked_is_decided_on_again(database_url: str, monday: datetime) -> None:
    with lived(database_url, DECIDED_AGAIN, monday) as life:
        held, blocked = (life.why(event, "bob") for event in life.told)
    assert [d.state for d in held.deliveries] == [State.SUPPRESSED]
    assert blocked.decided_at is not None
    assert "because there was room for it" in blocked.notes[0]
    assert [d.state for d in blocked.deliveries] == [State.SENT]


def check_delivery(
    why: ChannelWhy, state: State, code: str | None, address: str, got: list[datetime]
) -> None:
    """Sent once and not before its time; or not at all, and then for a reason that was not there when it was decided."""
    if state is State.SENT:
        (at,) = got
        assert why.until is None or at >= why.until - timedelta(seconds=1)
        return
    assert got == []
    if address.startswith(DEAD):
        assert (state, code) in ((State.FAILED, "smtp_550"), *((State.SUPPRESSED, m) for m in MEANWHILE))
    else:
        assert why.until is not None, f"told at once, and then {state} by {code}"
        assert (state, code) in [(State.SUPPRESSED, meanwhile) for meanwhile in MEANWHILE]


def same(preview: Explanation, real: Explanation) -> None:
    """But for the time that has passed in between."""
    assert (preview.reason, preview.sentence, preview.sources) == (real.reason, real.sentence, real.sources)
    assert [_plain(c) for c in preview.channels] == [_plain(c) for c in real.channels]
    for before, after in zip(preview.channels, real.channels, strict=True):
        for old, new in ((before.until, after.until), *_instants(before, after)):
            assert old == new or (old and new and abs(old - new) < NEAR), f"{before} is not {after}"


def _plain(why: ChannelWhy) -> tuple[Any, ...]:
    values = {name: value for name, value in why.values.items() if _instant(value) is None}
    return why.channel, why.told, why.gate, why.preference, values, set(why.values)


def _instants(before: ChannelWhy, after: ChannelWhy) -> Iterator[tuple[datetime | None, datetime | None]]:
    for name, value in before.values.items():
        yield _instant(value), _instant(after.values[name])


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
