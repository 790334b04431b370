"""Saying no for a while, to everybody: methods of `Clarion`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from clarion import silence as silence_
from clarion.event import DEFAULT_TENANT
from clarion.silence import Silence
from clarion.store import silences as rows
from clarion.store.database import Database


class _Application(Protocol):
    database: Database


def silence(
    app: _Application,
    matches: Mapping[str, Any],
    *,
    author: str,
    comment: str,
    until: datetime,
    starts: datetime | None = None,
    tenant: str = DEFAULT_TENANT,
) -> UUID:
    """Say no for a while to what `matches`, such as `{"type": "ci.*", "below": "urgent"}`; its id.

    Nothing passes it, not even a required type. Raises `InvalidInput`, `UnknownName`.
    """
    said = silence_.make(matches, author=author, comment=comment, starts=starts, until=until)
    app.database.run(lambda conn: rows.add(conn, tenant, said))
    return said.id


def end_silence(app: _Application, id: UUID, *, tenant: str = DEFAULT_TENANT) -> bool:
    """End a silence now; whether it had not ended before."""
    return app.database.run(lambda conn: rows.end(conn, tenant, id))


def silences(app: _Application, *, tenant: str = DEFAULT_TENANT) -> list[Silence]:
    """The silences that reign, or will, the oldest first."""
    return app.database.read(lambda conn: rows.all_of(conn, tenant))
