"""One page of deciding, in one transaction: lock, read what the gates need, plan, write."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from clarion.event_type import EventType
from clarion.plan import Candidate, plan
from clarion.preference import scopes
from clarion.store import notifications, people, registry, walks
from clarion.store.walks import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of one event's candidates. `with_access`: those whom the application lets know, if it was asked."""

    walk: Walk
    type: EventType
    candidates: Sequence[Candidate]
    with_access: Collection[str] | None = None


def write(conn: Connection, pages: Sequence[Page], *, fresh: bool) -> list[Page]:
    """Decide on these pages, of different events; those that were still this process's to decide.

    `fresh`: nothing was written of these events before, so nobody in them can have been told already.
    """
    now, ours = walks.still_ours(conn, [page.walk for page in pages])
    kept = [page for page in pages if page.walk.event.id in ours]
    todo = kept if fresh else [_without_told(conn, page) for page in kept]
    todo = [page for page in todo if page.candidates]
    _ensure_one_offs(conn, todo)
    known = people.read(
        conn,
        [(page.walk.event.tenant, c.recipient) for page in todo for c in page.candidates],
        [scope for type in _types(todo) for scope in scopes(type)],
    )
    since = registry.enabled_since(conn, [page.type.code for page in todo])
    plans = [
        (
            page.walk.event,
            page.type.max_age,
            plan(
                page.walk.event,
                page.type,
                page.candidates,
                known[page.walk.event.tenant].facts(since.get(page.type.code, {}), page.with_access),
                now,
            ),
        )
        for page in todo
    ]
    notifications.write(conn, plans, now, fresh=fresh)
    return kept


def _types(pages: Sequence[Page]) -> Collection[EventType]:
    return {page.type.code: page.type for page in pages}.values()


def _without_told(conn: Connection, page: Page) -> Page:
    told = notifications.already_told(conn, page.walk.event, [c.recipient for c in page.candidates])
    return replace(page, candidates=[c for c in page.candidates if c.recipient not in told])


def _ensure_one_offs(conn: Connection, pages: Sequence[Page]) -> None:
    wanted: dict[str, list[Candidate]] = {}
    for page in pages:
        for candidate in page.candidates:
            if candidate.one_off is not None:
                wanted.setdefault(page.walk.event.tenant, []).append(candidate)
    for tenant in sorted(wanted):
        people.ensure_one_off(conn, tenant, [c.one_off for c in wanted[tenant] if c.one_off is not None])
