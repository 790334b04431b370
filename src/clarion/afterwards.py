"""What an application does about an event after it was emitted, in its own transaction: methods of `Clarion`.

They need nothing that `Clarion` was made with, only the caller's connection: whatever `emit` takes. With an
`AsyncConnection` or `AsyncSession`, await the result; what is wrong with the arguments is raised before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, overload
from uuid import UUID

from clarion import clock
from clarion.errors import InvalidInput, shown
from clarion.event import DEFAULT_TENANT, instant, required_text, retention_limit
from clarion.store import events, withdrawals

if TYPE_CHECKING:  # needs greenlet, which only applications that use it have
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


@overload
def resolve(  # type: ignore[overload-overlap]  # any other object is a synchronous host
    app: object, conn: AsyncConnection | AsyncSession, condition: str, *, tenant: str = DEFAULT_TENANT
) -> Awaitable[None]: ...


@overload
def resolve(app: object, conn: object, condition: str, *, tenant: str = DEFAULT_TENANT) -> None: ...


def resolve(
    app: object,
    conn: object,
    condition: str,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None] | None:
    """This state of the world has ended: what was not sent of it is cancelled, and the next emit opens it afresh.

    Whether or not it is open. Raises `InvalidInput`, `HostTransaction`, `NotMigrated`.
    """
    tenant, condition = required_text("tenant", tenant), required_text("condition", condition)
    return _on(conn, lambda sync: withdrawals.write(sync, tenant, "condition", condition))


@overload
def withdraw(  # type: ignore[overload-overlap]  # as above
    app: object,
    conn: AsyncConnection | AsyncSession,
    subject: str,
    recipient: str | None = None,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None]: ...


@overload
def withdraw(
    app: object, conn: object, subject: str, recipient: str | None = None, *, tenant: str = DEFAULT_TENANT
) -> None: ...


def withdraw(
    app: object,
    conn: object,
    subject: str,
    recipient: str | None = None,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None] | None:
    """Take back all that was emitted about a subject until now, which is gone; or only for a recipient, who may no
    longer see it. It leaves inboxes, and what was not sent is cancelled.

    Raises `InvalidInput`, `HostTransaction`, `NotMigrated`.
    """
    tenant, subject = required_text("tenant", tenant), required_text("subject", subject)
    whose = None if recipient is None else required_text("recipient", recipient)
    return _on(conn, lambda sync: withdrawals.write(sync, tenant, "subject", subject, recipient=whose))


@overload
def cancel(  # type: ignore[overload-overlap]  # as above
    app: object, conn: AsyncConnection | AsyncSession, event: UUID, *, tenant: str = DEFAULT_TENANT
) -> Awaitable[None]: ...


@overload
def cancel(app: object, conn: object, event: UUID, *, tenant: str = DEFAULT_TENANT) -> None: ...


def cancel(
    app: object,
    conn: object,
    event: UUID,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None] | None:
    """Take back one event, before or after it is due. Raises `InvalidInput` if there is none of this id."""
    tenant, id = required_text("tenant", tenant), _id(event)
    return _on(conn, lambda sync: withdrawals.write(sync, tenant, "event_id", id))


@overload
def move(  # type: ignore[overload-overlap]  # as above
    app: object,
    conn: AsyncConnection | AsyncSession,
    event: UUID,
    at: datetime,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None]: ...


@overload
def move(app: object, conn: object, event: UUID, at: datetime, *, tenant: str = DEFAULT_TENANT) -> None: ...


def move(
    app: object,
    conn: object,
    event: UUID,
    at: datetime,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Awaitable[None] | None:
    """Let an event that is not due yet be due earlier, or later. Raises `InvalidInput` where that cannot be."""
    tenant, id, when = required_text("tenant", tenant), _id(event), instant("at", at)
    if when is None:
        raise InvalidInput(f"event {id} is moved to no time: at must be an aware datetime")
    retention_limit(when, clock.now())
    return _on(conn, lambda sync: events.move(sync, tenant, id, when))


def _id(event: object) -> UUID:
    if isinstance(event, UUID):
        return event
    raise InvalidInput(f"event must be its id, the UUID that emit returned, got {shown(event)}")


def _on(conn: object, work: Callable[[object], None]) -> Awaitable[None] | None:
    if runs_sync := getattr(conn, "run_sync", None):
        awaited: Awaitable[None] = runs_sync(work)
        return awaited
    return work(conn)  # type: ignore[func-returns-value]  # nothing, which need not be awaited
