"""One page of deciding, in one transaction: lock, read what the gates need, plan, write."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from clarion.circumstances import Candidate
from clarion.event_type import EventType
from clarion.lane import Lanes
from clarion.plan import plan
from clarion.store import notifications, people, slots, walks, withdrawals
from clarion.store.walks import Walk
from clarion.workers import facts
from clarion.workers.aftermath import Decided
from clarion.workers.facts import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of one event's candidates. `with_access`: those whom the application lets know, if it was asked.

    `untold`: nobody among them can have been told before. `side_by_side`: as in `facts.Asked`.
    """

    walk: Walk
    type: EventType
    candidates: Sequence[Candidate]
    with_access: Collection[str] | None = None
    untold: bool = False
    side_by_side: bool = False

    @property
    def asked(self) -> Asked:
        """Of whom the facts are needed."""
        return Asked(
            event=self.walk.event,
            type=self.type,
            recipients=[candidate.recipient for candidate in self.candidates],
            with_access=self.with_access,
            side_by_side=self.side_by_side,
        )


def write(
    conn: Connection,
    pages: Sequence[Page],
    *,
    lanes: Lanes,
    fresh: bool,
    made: list[Decided] | None = None,
) -> list[Page]:
    """Decide on these pages, of different events; those that were still this process's to decide.

    `fresh`: nothing was written of these events before, so nobody in them can have been told already.
    `made` is filled with the decisions. Locks in the order of all Clarion: events, then recipients, then slots.
    """
    now, ours = walks.still_ours(conn, [page.walk for page in pages])
    kept = [page for page in pages if page.walk.event.id in ours]
    todo = [page if fresh or page.untold else _without_told(conn, page) for page in kept]
    todo = _taken_back(conn, [page for page in todo if page.candidates])
    _ensure_one_offs(conn, todo)
    known, taken = facts.read(conn, [page.asked for page in todo], now)
    plans = []
    blocked: set[slots.Key] = set()
    for page, facts_ in zip(todo, known, strict=True):
        event, type = page.walk.event, page.type
        decided = plan(event, type, page.candidates, facts_, now)
        blocked |= {(event.tenant, recipient, key) for recipient, key in decided.blocked}
        plans.append((event, type.max_age, decided))
    takes = notifications.write(conn, plans, now, lanes=lanes, fresh=fresh)
    slots.take(conn, takes, taken, now)
    slots.block(conn, blocked, now)
    if made is not None:
        made[:] = [(event, decided, now) for event, _, decided in plans]
    return kept


def _taken_back(conn: Connection, pages: Sequence[Page]) -> list[Page]:
    """The pages, with what was taken back said of their candidates."""
    withdrawn = withdrawals.read(conn, [page.walk.event for page in pages])
    return [_with(page, withdrawn) for page in pages]


def _with(page: Page, withdrawn: withdrawals.Withdrawn) -> Page:
    event = page.walk.event.id
    resolved = event in withdrawn.resolved
    if not resolved and event not in withdrawn.wholly and event not in withdrawn.for_some:
        return page
    marked = [
        c._replace(resolved=resolved, withdrawn=withdrawn.for_(event, c.recipient)) for c in page.candidates
    ]
    return replace(page, candidates=marked)


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
