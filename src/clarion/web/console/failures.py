"""Failures: what failed in a range of time, by channel, code and what the other side said; and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from clarion.store.failures import FailureGroup, Failures
from clarion.tally import Statistics
from clarion.web.console.charts import Chart, chart
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Failures of one channel with one code: what is replayed together. `groups`: by what the other side said."""

    channel: str
    code: str | None
    number: int
    groups: tuple[FailureGroup, ...]


@pages.get("/failures")
async def failures(page: Page) -> Response:
    """By channel and code, the most first."""
    asked, channel = page.range(), page.query.get("channel")

    def read() -> tuple[Failures, Statistics]:
        clarion, tenant = page.clarion, page.tenant
        return (
            clarion.failures(since=asked.since, until=asked.until, channel=channel, tenant=tenant),
            clarion.statistics(since=asked.since, until=asked.until, channel=channel, tenant=tenant),
        )

    found, numbers = await page.run(read)
    code = page.query.get("code")
    return page.show(
        "failures.html",
        range=asked,
        channel=channel,
        channels=sorted({*page.clarion.channels, *(group.channel for group in found.groups)}),
        code=code,
        found=found,
        kinds=[kind for kind in kinds_of(found.groups) if code is None or kind.code == code],
        failed=numbers.totals.failed,
        grouped=sum(group.number for group in found.groups),
        drawn=_drawn(page, numbers),
        types=sorted(page.clarion.types),
        same=same,
    )


def kinds_of(groups: Iterable[FailureGroup]) -> list[Kind]:
    """The most first."""
    together: dict[tuple[str, str | None], list[FailureGroup]] = {}
    for group in groups:
        together.setdefault((group.channel, group.code), []).append(group)
    kinds = [
        Kind(channel=channel, code=code, number=sum(one.number for one in found), groups=tuple(found))
        for (channel, code), found in together.items()
    ]
    return sorted(kinds, key=lambda kind: (-kind.number, kind.channel, kind.code or ""))


def same(names: Iterable[str]) -> list[tuple[str, str]]:
    """To choose from: the names, as they are."""
    return [(name, name) for name in names]


def _drawn(page: Page, numbers: Statistics) -> Chart:
    points = [(point.at, {"failed": float(point.numbers.failed)}) for point in numbers.points]
    return chart("Failed", points, until=numbers.until, zone=page.zone)
