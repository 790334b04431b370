"""How statistics look in answers; times taken are in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field

from clarion.web.shapes import Shape


def _in_seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


Seconds = Annotated[float, BeforeValidator(_in_seconds)]


class Numbers(Shape):
    """How often what happened. `attempts` are all that were sent, failed, or are tried again (`retries`)."""

    events: int = Field(description="Emitted, and decided on since.")
    told: int = Field(description="Decisions to tell somebody on a channel, now or later.")
    refused: int = Field(description="Decisions not to.")
    sent: int
    failed: int
    suppressed: int
    cancelled: int
    attempts: int
    retries: int


class Latency(Shape):
    """Seconds from when a delivery was due first until it was sent, exact to a bucket; null where nothing was sent."""

    number: int
    p50: Seconds | None
    p95: Seconds | None
    p99: Seconds | None


class Point(Shape):
    at: datetime
    numbers: Numbers
    latency: Latency


class Counted(Shape):
    name: str
    number: int


class OfChannel(Shape):
    channel: str
    totals: Numbers
    latency: Latency
    points: list[Point]
    gates: list[Counted]
    codes: list[Counted]


class OfType(Shape):
    type: str
    totals: Numbers


class Statistics(Shape):
    """One point for each step, the oldest first, without gaps."""

    since: datetime
    until: datetime
    step: Seconds
    totals: Numbers
    latency: Latency
    points: list[Point]
    channels: list[OfChannel]
    types: list[OfType] = Field(description="The busiest ones.")
    gates: list[Counted] = Field(description="What held or refused decisions, by gate.")
    codes: list[Counted] = Field(description="What attempts failed with, by code.")


class Waiting(Shape):
    """`due`: of those that wait, those whose time has come. With `…_more` it are at least so many."""

    waiting: int
    waiting_more: bool
    due: int
    due_more: bool
    oldest: datetime | None = Field(description="Since when the first of those due has been due.")


class ChannelNow(Shape):
    channel: str
    backlog: Waiting
    sent_per_minute: float
    failed_per_minute: float
    drain: Seconds | None = Field(description="Seconds until all that is due is through, at this rate.")
    stalled: bool = Field(description="Something is due, and nothing came to an end lately.")


class Overview(Shape):
    at: datetime
    events: Waiting = Field(description="Events whose audience is not all decided on.")
    channels: list[ChannelNow]


class FailureGroup(Shape):
    fingerprint: str
    channel: str
    code: str | None
    pattern: str = Field(description="What they say, with <n>, <id>, <url> and <address> for what differs.")
    number: int
    first_at: datetime
    last_at: datetime
    sample: list[UUID] = Field(description="The newest deliveries.")


class Failures(Shape):
    since: datetime
    until: datetime
    looked_at: int
    more: bool = Field(description="There are older ones in the range, which were not looked at.")
    groups: list[FailureGroup] = Field(description="The largest first.")
