"""Silences: what operators say no to for a while, by whom, why and until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import Response

from clarion import clock
from clarion import silence as silence_
from clarion.errors import InvalidInput
from clarion.severity import Severity
from clarion.web.console import times
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()

SPANS = (("1h", "an hour"), ("4h", "4 hours"), ("1d", "a day"), ("1w", "a week"))
LABELS = {
    "type": "Type", "category": "Category", "subject": "Subject", "thread": "Thread", "topic": "Topic",
    "actor": "Actor", "tag": "Tag", "recipient": "Recipient", "channel": "Channel", "below": "Below severity",
}  # fmt: skip


@pages.get("/silences")
async def silences(page: Page) -> Response:
    return await _shown(page)


async def _shown(page: Page, error: str | None = None) -> Response:
    ended = page.query.get("ended") is not None
    found = await page.run(lambda: page.desk.silences(ended=ended))
    now = clock.now()
    return page.show(
        "silences.html",
        status=200 if error is None else 422,
        listed=[(one, _state(one, now), silence_.to_json(one.matches)) for one in found],
        labels=LABELS,
        types=sorted(page.clarion.types),
        channels=[("", "all"), *((name, name) for name in sorted(page.clarion.recipients.channels))],
        severities=[("", "any"), *((one.label, one.label) for one in list(Severity)[1:])],
        spans=SPANS,
        error=error,
        said=page.form or page.query,  # a link may propose what to silence
    )


def _state(one: silence_.Silence, now: datetime) -> str:
    if one.ends_at <= now:
        return "over"
    return "reigns" if one.starts_at <= now else "to come"


@pages.post("/silences", "operate")
async def create(page: Page) -> Response:
    said = page.said
    try:
        matches = {name: value for name in silence_.NAMES if (value := said.get(name)) is not None}
        comment = said.required("comment", "the comment")
        starts, until = said.instant("starts"), said.instant("until")
        if until is None:
            until = (starts or clock.now()) + (said.span("for") or timedelta(hours=1))
        ends = until
        await page.run(lambda: page.desk.silence(matches, comment=comment, until=ends, starts=starts))
    except InvalidInput as error:
        return await _shown(page, str(error))
    return page.to(
        "/silences", say=f"It is silent until {times.written(until, page.zone.info)} {page.zone.name}."
    )


@pages.post("/silences/{silence}/end", "operate")
async def end(page: Page) -> Response:
    id = page.id("silence")
    ended = await page.run(lambda: page.desk.end_silence(id))
    return page.to("/silences", say="The silence has ended." if ended else "That silence had ended before.")
