"""The first page: what needs attention, then how things stand, how much was told, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection
from starlette.responses import Response

from clarion import clock, tally
from clarion.overview import ChannelNow, Overview
from clarion.pause import Pause
from clarion.store import tallies
from clarion.store.address_health import AddressHealth
from clarion.store.failures import Failures
from clarion.tally import ChannelStatistics, Point, Statistics
from clarion.web.console import charts, look, times
from clarion.web.console.charts import Chart, Value, chart
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.console.times import Range

pages = Pages()

LATE = timedelta(minutes=5)  # what has been due for longer is worth a look
_GROUPS = 4
_DEAD = 100  # addresses that are counted
_ENDED = {
    "sent": "sent",
    "failed": "failed",
    "suppressed": "no longer wanted",
    "cancelled": "no longer wanted",
}
_DAYS = (timedelta(days=8), timedelta(days=60))  # of a range that is shown by days


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Something that a person should look at, the worst first. `url`: where to do something about it."""

    level: str
    about: str
    seen: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel: how it stands, and what it did in the within, if anything."""

    now: ChannelNow
    pauses: Sequence[Pause]
    lately: ChannelStatistics | None

    @property
    def state(self) -> str:
        return state_of(self.now, self.pauses)


def state_of(now: ChannelNow, pauses: Sequence[Pause]) -> str:
    """In a word. A lane that pauses leaves its channel as it is."""
    whole = next((one for one in pauses if not one.lane), None)
    if whole is not None:
        return "paused" if whole.asked_for else "down"
    return "stalled" if now.stalled else "works"


@pages.get("")
async def overview(page: Page) -> Response:
    within = page.range("-6h")
    clarion, tenant = page.clarion, page.tenant
    now, numbers, failures, dead, pauses = await asyncio.gather(
        page.run(lambda: clarion.overview(tenant=tenant)),
        page.run(lambda: clarion.statistics(since=within.since, until=within.until, tenant=tenant)),
        page.run(lambda: clarion.failures(since=within.since, until=within.until, tenant=tenant)),
        page.run(lambda: clarion.addresses(gone=True, most=_DEAD, tenant=tenant)),
        page.run(page.desk.pauses),
    )
    channels = channels_of(now, numbers, pauses)
    return page.show(
        "overview.html",
        range=within,
        now_=now,
        channels=channels,
        attention=sorted(
            _attention(page, within, channels, now, failures, dead), key=lambda one: one.level != "bad"
        ),
        numbers=numbers,
        oldest=min((one.now.backlog.oldest for one in channels if one.now.backlog.oldest), default=None),
        charts=await charts_of(page, within, numbers),
    )


def channels_of(now: Overview, numbers: Statistics, pauses: Sequence[Pause]) -> list[Channel]:
    lately: Mapping[str, ChannelStatistics] = {one.channel: one for one in numbers.channels}
    return [
        Channel(
            now=one,
            pauses=[pause for pause in pauses if pause.channel == one.channel],
            lately=lately.get(one.channel),
        )
        for one in now.channels
    ]


def _attention(
    page: Page,
    within: Range,
    channels: Sequence[Channel],
    now: Overview,
    failures: Failures,
    dead: Sequence[AddressHealth],
) -> Iterator[Attention]:
    for channel in channels:
        url = page.url(f"/queue/{channel.now.channel}")
        for pause in channel.pauses:
            yield _of_pause(pause, url)
        oldest = channel.now.backlog.oldest
        if channel.state == "stalled":
            waits = look.number(channel.now.backlog.due, more=channel.now.backlog.due_more)
            said = f"{waits} are due and none was sent in the last minutes: see whether workers run"
            yield Attention(level="bad", about=f"{channel.now.channel} stands still", seen=said, url=url)
        elif not channel.pauses and oldest is not None and now.at - oldest > LATE:
            said = f"the oldest has been due for {times.long(now.at - oldest)}"
            yield Attention(level="warn", about=f"{channel.now.channel} is late", seen=said, url=url)
    if now.events.oldest is not None and now.at - now.events.oldest > LATE:
        said = f"nobody was decided on for {times.long(now.at - now.events.oldest)}: see whether workers run"
        yield Attention(
            level="bad",
            about="Events wait",
            seen=said,
            url=page.url("/search", kind="events", state="waiting"),
        )
    carried = {"from": within.asked_from, "to": within.asked_to}
    for group in failures.groups[:_GROUPS]:
        said = f"{group.number:,} × {group.code or 'no code'}: {look.short(group.pattern, 160)}"
        url = page.url("/failures", **carried, channel=group.channel, fingerprint=group.fingerprint)
        yield Attention(level="bad", about=f"{group.channel} failed", seen=said, url=url)
    if dead:
        many = look.number(len(dead), more=len(dead) == _DEAD)
        about = "One address is dead" if len(dead) == 1 else f"{many} addresses are dead"
        said = "nothing is sent there until it is tried again by hand"
        yield Attention(level="warn", about=about, seen=said, url=page.url("/addresses"))


def _of_pause(pause: Pause, url: str) -> Attention:
    if pause.asked_for:
        why = f": {pause.detail}" if pause.detail else ""
        seen = f"{pause.by} asked for it{why}"
        return Attention(level="warn", about=f"{pause} is paused", seen=seen, url=url)
    why = ": ".join(filter(None, [pause.code, pause.detail])) or "it was out of reach"
    return Attention(
        level="bad", about=f"{pause} is down", seen=f"{why}; tried {pause.probes + 1} times", url=url
    )


async def charts_of(
    page: Page, within: Range, numbers: Statistics, channel: str | None = None
) -> list[Chart]:
    """What ended, and how long it took; over weeks, what ended by the days of the zone."""
    points = numbers.points if channel is None else _of(numbers, channel)
    ended = [(point.at, _ends(point)) for point in points]
    if _DAYS[0] < within.until - within.since <= _DAYS[1]:
        hours = await page.run(
            lambda: page.clarion.database.read(lambda conn: _hours(conn, page, within, channel))
        )
        ended = charts.by_day(hours, page.zone.info)
    late = [(point.at, _took(point)) for point in points]
    return [
        chart("Deliveries", ended, until=numbers.until, zone=page.zone),
        chart("From due to sent", late, until=numbers.until, zone=page.zone, kind="lines", unit="s"),
    ]


def _hours(
    conn: Connection, page: Page, within: Range, channel: str | None
) -> list[tuple[datetime, dict[str, Value]]]:
    """What ended in each hour, and nothing else: there are many hours."""
    span = tally.span_of(within.since, within.until, timedelta(hours=1), clock.now())
    found = {
        minute: dict.fromkeys(_ENDED.values(), 0.0) for minute in range(span.first, span.last, span.step)
    }
    for minute, what, number in tallies.often(conn, page.tenant, span, _ENDED, channel=channel):
        if minute in found:
            found[minute][_ENDED[what]] += number
    return [(tally.instant_of(minute), {**numbers}) for minute, numbers in found.items()]


def _of(numbers: Statistics, channel: str) -> Sequence[Point]:
    return next((one.points for one in numbers.channels if one.channel == channel), numbers.points)


def _ends(point: Point) -> dict[str, Value]:
    numbers: dict[str, Value] = dict.fromkeys(_ENDED.values(), 0.0)
    for what, name in _ENDED.items():
        numbers[name] = (numbers[name] or 0.0) + getattr(point.numbers, what)
    return numbers


def _took(point: Point) -> dict[str, Value]:
    of = point.latency
    named = {"p50": of.p50, "p95": of.p95, "p99": of.p99}
    return {name: None if took is None else took.total_seconds() for name, took in named.items()}
