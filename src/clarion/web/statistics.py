"""What happened over time, what stands now, and what failed alike: for operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from clarion.statistics import FAILURES, LOOKED_AT
from clarion.web import statistics_shapes as shapes
from clarion.web.need import Observer
from clarion.web.parameters import Parts, Word
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1", tags=["operators"], route_class=StrictRoute)

_YEAR = 366 * 24 * 60 * 60
Since = Annotated[AwareDatetime, Query(examples=["2026-11-20T00:00:00Z"])]
Step = Annotated[
    int, Query(ge=60, le=_YEAR, multiple_of=60, description="Seconds from one point to the next.")
]
Most = Annotated[int, Query(ge=1, le=FAILURES, description="Of the newest so many are looked at.")]


@router.get("/statistics")
async def statistics(
    caller: Observer,
    service: Parts,
    since: Since,
    until: AwareDatetime | None = None,
    step: Step | None = None,
    channel: Word | None = None,
    type: Word | None = None,
) -> shapes.Statistics:
    """What was emitted, decided, sent, failed and so on; one point for each step, by channel and in all.

    For what is days old the steps are hours, for what is months old days. How long deliveries took is not known by type.
    """
    asked = service.clarion.statistics
    length = None if step is None else timedelta(seconds=step)
    found = await service.run(
        lambda: asked(since=since, until=until, step=length, channel=channel, type=type, tenant=caller.tenant)
    )
    return shapes.Statistics.model_validate(found)


@router.get("/overview")
async def overview(caller: Observer, service: Parts) -> shapes.Overview:
    """What waits now, by channel, how fast it goes, and when it will be through."""
    found = await service.run(lambda: service.clarion.overview(tenant=caller.tenant))
    return shapes.Overview.model_validate(found)


@router.get("/failures")
async def failures(
    caller: Observer,
    service: Parts,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    channel: Word | None = None,
    most: Most = LOOKED_AT,
) -> shapes.Failures:
    """What failed for good, of the last day unless said, grouped by what it says."""
    found = await service.run(
        lambda: service.clarion.failures(
            since=since, until=until, channel=channel, most=most, tenant=caller.tenant
        )
    )
    return shapes.Failures.model_validate(found)
