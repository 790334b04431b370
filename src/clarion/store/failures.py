"""The newest deliveries that failed, grouped by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import fingerprint
from clarion.store.schema import FAILED, deliveries, outcomes

_SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """`pattern`: what they say, with `<n>`, `<id>`, `<url>` and `<address>` for what differs. `sample`: the newest."""

    fingerprint: str
    channel: str
    code: str | None
    pattern: str
    number: int
    first_at: datetime
    last_at: datetime
    sample: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """`more`: there are older ones in this range, which were not looked at. The largest group comes first."""

    since: datetime
    until: datetime
    looked_at: int
    more: bool
    groups: tuple[FailureGroup, ...]


def read(
    conn: Connection, tenant: str, since: datetime, until: datetime, *, channel: str | None, most: int
) -> Failures:
    """Of this range the newest, so many are looked at, on whatever channel."""
    o, d = outcomes.c, deliveries.c
    its = sa.select(d.channel).where(d.tenant == o.tenant, d.id == o.delivery_id).scalar_subquery()
    found = conn.execute(
        sa.select(o.delivery_id, o.at, o.code, o.detail, its.label("channel"))
        .where(o.tenant == tenant, o.at >= since, o.at < until, sa.text(FAILED))
        .order_by(o.at.desc())
        .limit(most + 1)
    ).all()
    page = found[:most]
    return Failures(
        since=since,
        until=until,
        looked_at=len(page),
        more=len(found) > most,
        groups=_groups(page, channel),
    )


def _groups(page: Sequence[Any], only: str | None) -> tuple[FailureGroup, ...]:
    """The page is in order, the newest first."""
    patterns: dict[str | None, str] = {}
    alike: dict[tuple[str, str | None, str], list[Any]] = {}
    for row in page:
        channel = row.channel or ""
        if only is not None and channel != only:
            continue
        if row.detail not in patterns:
            patterns[row.detail] = fingerprint.pattern(row.detail)
        alike.setdefault((channel, row.code, patterns[row.detail]), []).append(row)
    groups = [
        FailureGroup(
            fingerprint=fingerprint.of(*key),
            channel=key[0],
            code=key[1],
            pattern=key[2],
            number=len(together),
            first_at=together[-1].at,
            last_at=together[0].at,
            sample=tuple(row.delivery_id for row in together[:_SAMPLE]),
        )
        for key, together in alike.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.number, group.fingerprint)))
