"""The queue: how long until it is empty, what fails alike, and what can be done about a channel: pause, resume, try out."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from starlette.responses import Response

from clarion import clock
from clarion.errors import InvalidInput, UnknownName
from clarion.recipient import Address
from clarion.trial.sending import Tried
from clarion.trial.trying import Trial
from clarion.web.console import look, overview, times
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.problem import Problem

pages = Pages()

SPANS = (("15m", "15 minutes"), ("1h", "an hour"), ("4h", "4 hours"), ("1d", "a day"))


@pages.get("/queue")
async def queue(page: Page) -> Response:
    """All channels."""
    within = page.range("-1h")
    clarion, tenant = page.clarion, page.tenant
    now, numbers, failures, pauses = await asyncio.gather(
        page.run(lambda: clarion.overview(tenant=tenant)),
        page.run(lambda: clarion.statistics(since=within.since, until=within.until, tenant=tenant)),
        page.run(lambda: clarion.failures(since=within.since, until=within.until, tenant=tenant)),
        page.run(page.desk.pauses),
    )
    return page.show(
        "queue.html",
        range=within,
        now_=now,
        channels=overview.channels_of(now, numbers, pauses),
        failures=failures,
        lanes=[pause for pause in pauses if pause.lane],
    )


@pages.get("/queue/{channel}")
async def one(page: Page) -> Response:
    return await _channel(page)


async def _channel(page: Page, error: str | None = None) -> Response:
    within, name = page.range("-1h"), page.text("channel")
    clarion, tenant = page.clarion, page.tenant
    now, numbers, failures, pauses = await asyncio.gather(
        page.run(lambda: clarion.overview(tenant=tenant)),
        page.run(
            lambda: clarion.statistics(since=within.since, until=within.until, channel=name, tenant=tenant)
        ),
        page.run(
            lambda: clarion.failures(since=within.since, until=within.until, channel=name, tenant=tenant)
        ),
        page.run(page.desk.pauses),
    )
    found = next((c for c in overview.channels_of(now, numbers, pauses) if c.now.channel == name), None)
    if found is None:
        known = [channel.channel for channel in now.channels]
        raise Problem("not-found", str(UnknownName("channel", name, known)))
    return page.show(
        "channel.html",
        status=200 if error is None else 422,
        range=within,
        channel=found,
        now_=now,
        failures=failures,
        charts=await overview.charts_of(page, within, numbers, name) if found.lately else [],
        configured=name in clarion.channels,
        spans=SPANS,
        error=error,
        said=page.form,
    )


@pages.post("/queue/{channel}/pause", "providers")
async def pause(page: Page) -> Response:
    name, said = page.text("channel"), page.said
    try:
        until = _until(page)
        lane, because = said.text("lane"), said.get("because")
        await page.run(lambda: page.desk.pause(name, until=until, because=because, lane=lane))
    except InvalidInput as error:
        return await _channel(page, str(error))
    at = f"{times.written(until, page.zone.info)} {page.zone.name}"
    return page.to(
        _path(name), say=f"{_named(name, lane)} pauses until {at}; what is due waits, and loses no attempt."
    )


def _until(page: Page) -> datetime:
    """When it ends by itself: after a span, or at an instant."""
    until, lasts = page.said.instant("until"), page.said.span("for")
    if until is None and lasts is None:
        raise InvalidInput("say for how long, or until when: a pause ends by itself")
    return until if until is not None else clock.now() + (lasts or timedelta())


@pages.post("/queue/{channel}/resume", "providers")
async def resume(page: Page) -> Response:
    name, lane = page.text("channel"), page.said.text("lane")
    ended = await page.run(lambda: page.desk.resume(name, lane=lane))
    say = "is sent on again" if ended is not None else "did not pause"
    return page.to(_path(name), say=f"{_named(name, lane)} {say}.")


@pages.post("/queue/{channel}/try", "providers")
async def try_out(page: Page) -> Response:
    """A test to one address, or to a recipient."""
    name, said = page.text("channel"), page.said
    try:
        to = said.required("to", "to whom")
        whom = to if said.text("as") == "recipient" else Address(name, to)
        tried = await page.run(lambda: page.desk.try_out(name, whom))
    except InvalidInput as error:
        return await _channel(page, str(error))
    return page.to(_path(name), say=came_of(tried))


def came_of(trial: Trial) -> str:
    """What came of a test, in words."""
    parts = [f"{one.channel}: {_tried(one)}" for one in trial.messages]
    parts += [f"{channel}: {why}" for channel, why in trial.left_out.items()]
    return "Test. " + " ".join(parts or ["There was nowhere to send it."])


def _tried(one: Tried) -> str:
    if one.sent:
        took = "" if one.duration is None else f" in {times.long(one.duration)}"
        return f"taken{took}" + (f", receipt {look.short(one.receipt, 120)}." if one.receipt else ".")
    why = ": ".join(filter(None, [one.code, look.short(one.detail or "", 200)]))
    return f"not taken: {why}." + (f" Remedy: {one.remedy}." if one.remedy else "")


def _path(channel: str) -> str:
    return f"/queue/{look.quoted(channel)}"


def _named(channel: str, lane: str) -> str:
    return f"{channel} ({lane})" if lane else channel
