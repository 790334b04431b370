"""Slots that became free while somebody waited for them: finding them, and closing them once those were decided on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from clarion.severity import Severity
from clarion.store.schema import slots

Key = tuple[str, str, str]  # tenant, recipient, key of the slots

_FREED = "freed_at IS NOT NULL"  # in the words of the index


class Place(NamedTuple):
    """A slot that is free, as of `freed_at`: taken and freed again, it is another."""

    severity: int
    n: int
    freed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacancy:
    """The free slots of one key, and since when they have stopped somebody."""

    key: Key
    places: tuple[Place, ...]
    since: datetime

    @property
    def severity(self) -> Severity:
        """The highest that may have been stopped by one of them."""
        return Severity(max(place.severity for place in self.places))

    @property
    def freed_at(self) -> datetime:
        return min(place.freed_at for place in self.places)


def standing(conn: Connection, *, most: int, but: Collection[Key] = ()) -> list[Vacancy]:
    """Those that wait to be filled or closed, at most so many, the oldest first; `but` those of these keys."""
    place = sa.tuple_(slots.c.tenant, slots.c.recipient, slots.c.key)
    found = sa.select(*slots.c).where(sa.text(_FREED)).order_by(slots.c.freed_at).limit(most)
    if but:
        found = found.where(place.not_in(sorted(but)))
    rows = sorted(conn.execute(found), key=_key)
    return sorted(
        (_vacancy(key, list(of_key)) for key, of_key in groupby(rows, _key)), key=lambda v: v.freed_at
    )


def lock(conn: Connection, vacancy: Vacancy) -> bool:
    """Whether any of its places is still free; and it stays so until the transaction ends."""
    tenant, recipient, key = vacancy.key
    found = conn.execute(
        sa.select(slots.c.severity, slots.c.n, slots.c.freed_at)
        .where(slots.c.tenant == tenant, slots.c.recipient == recipient, slots.c.key == key)
        .order_by(slots.c.severity, slots.c.n)
        .with_for_update(key_share=True)
    )
    return bool({Place(*row) for row in found} & set(vacancy.places))


def close(conn: Connection, vacancy: Vacancy) -> None:
    """Nobody waits for these places any more; those that are taken by now stay."""
    tenant, recipient, key = vacancy.key
    conn.execute(
        sa.delete(slots).where(
            slots.c.tenant == sa.bindparam("tenant_"),
            slots.c.recipient == sa.bindparam("recipient_"),
            slots.c.key == sa.bindparam("key_"),
            slots.c.severity == sa.bindparam("severity_"),
            slots.c.n == sa.bindparam("n_"),
            slots.c.freed_at == sa.bindparam("freed_at_", type_=slots.c.freed_at.type),
        ),
        [
            {
                "tenant_": tenant,
                "recipient_": recipient,
                "key_": key,
                "severity_": place.severity,
                "n_": place.n,
                "freed_at_": place.freed_at,
            }
            for place in sorted(vacancy.places)
        ],
    )


def _key(row: Row[Any]) -> Key:
    return row.tenant, row.recipient, row.key


def _vacancy(key: Key, rows: Sequence[Row[Any]]) -> Vacancy:
    return Vacancy(
        key=key,
        places=tuple(Place(row.severity, row.n, row.freed_at) for row in rows),
        since=min(row.blocked_since for row in rows),
    )
