"""An inbox by threads, against a plain model: none twice, none left out, whatever arrives between two pages."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from clarion.cursor import Cursor
from clarion.item import ALL, Filter, Group, Query, View
from clarion.severity import Severity
from clarion.store import inbox, marking, threads
from clarion.store.database import Database
from tests.store.make import person, told
from tests.store.test_inbox import fill, items, mark

_numbers = count()

# (thread, severity, actor), and what its recipient did with it.
Arrival = tuple[str | None, str, str]
ARRIVAL = st.tuples(
    st.sampled_from([None, "a", "b", "c", "d"]),
    st.sampled_from(["info", "urgent"]),
    st.sampled_from(["ann", "ben", "cyn"]),
)
DONE_WITH = st.sampled_from([None, None, None, "read", "done", "snoozed", "deleted"])


class Model:
    """What one recipient has, the oldest first: (id, arrival, how marked)."""

    def __init__(self, db: Database, who: str) -> None:
        self.db, self.who = db, who
        self.rows: list[tuple[UUID, Arrival, str | None]] = []
        db.run(lambda conn: person(conn, who))

    def arrive(self, arrivals: list[tuple[Arrival, str | None]]) -> None:
        def write(conn: Connection) -> list[UUID]:
            made = [
                told(conn, self.who, thread=thread, severity=severity, actor=actor).id
                for (thread, severity, actor), _ in arrivals
            ]
            page = inbox.find(
                conn, Query(tenant="default", recipient=self.who), before=TOP, most=len(made) or 1
            )
            id_of = {
                item.event.id: item.id for item in inbox.read(conn, "default", [row.id for row in page.rows])
            }
            for event, (_, how) in zip(made, arrivals, strict=True):
                if how is not None:
                    until = {"until": AHEAD} if how == "snoozed" else {}
                    marking.mark(conn, "default", self.who, [id_of[event]], how, **until)  # type: ignore[arg-type]
            return [id_of[event] for event in made]

        ids = self.db.run(write)
        self.rows += [(id, arrival, how) for id, (arrival, how) in zip(ids, arrivals, strict=True)]

    def heads(self, view: View, wanted: Filter) -> list[UUID]:
        """The newest of each thread that passes, the newest first."""
        found, seen = [], set()
        for id, (thread, severity, _), how in reversed(self.rows):
            passes = wanted.at_least is None or Severity.of(severity) >= wanted.at_least
            if (
                how not in (None, "read")
                or (view == "unread" and how == "read")
                or not passes
                or thread in seen
            ):
                continue
            found.append(id)
            seen |= set() if thread is None else {thread}
        return found

    def check(self, group: Group) -> None:
        thread = group.thread
        inside = [(id, a, how) for id, a, how in reversed(self.rows) if how in (None, "read")]
        some = (
            [one for one in inside if one[0] == group.newest.id]
            if thread is None
            else [one for one in inside if one[1][0] == thread]
        )
        assert (group.number, group.unread) == (len(some), sum(how is None for _, _, how in some))
        assert list(group.actors) == list(dict.fromkeys(a[2] for _, a, _ in some))


TOP = Cursor(number=0).before
AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(st.tuples(ARRIVAL, DONE_WITH), max_size=14),
    between=st.lists(st.lists(st.tuples(ARRIVAL, DONE_WITH), max_size=3), min_size=1, max_size=4),
    most=st.integers(1, 4),
    view=st.sampled_from(["inbox", "unread"]),
    wanted=st.sampled_from([ALL, Filter(at_least=Severity.ACTION)]),
)
def test_no_thread_twice_and_none_left_out(
    db: Database,
    first: list[tuple[Arrival, str | None]],
    between: list[list[tuple[Arrival, str | None]]],
    most: int,
    view: View,
    wanted: Filter,
) -> None:
    model = Model(db, f"p{next(_numbers)}")
    model.arrive(first)
    expected = model.heads(view, wanted)
    query = Query(tenant="default", recipient=model.who, view=view, filter=wanted)
    arrivals = iter(between)
    shown: list[UUID] = []
    before, top = TOP, None
    while True:
        found = db.read(lambda conn, b=before, t=top: threads.find(conn, query, before=b, top=t, most=most))  # type: ignore[misc]
        for group in db.read(lambda conn, rows=found.rows: threads.read(conn, query, rows)):  # type: ignore[misc]
            shown.append(group.newest.id)
            model.check(group)
        top = top or found.top
        if found.then is None:
            break
        before = found.then
        model.arrive(next(arrivals, []))
    assert shown == expected
    again = db.read(lambda conn: threads.find(conn, query, before=TOP, top=None, most=200))
    assert [row.id for row in again.rows] == model.heads(view, wanted), "what has arrived anew is on top"


def test_a_long_thread_is_counted_to_a_hundred(db: Database) -> None:
    fill(db, 120, thread="long")
    fill(db, 1)
    query = Query(tenant="default", recipient="bob")
    found = db.read(lambda conn: threads.find(conn, query, before=TOP, top=None, most=5))
    alone, long = db.read(lambda conn: threads.read(conn, query, found.rows))
    assert (alone.thread, alone.number, alone.unread) == (None, 1, 1)
    assert (long.thread, long.number, long.unread) == ("long", 100, 100)
    assert alone.actors == []


@pytest.mark.parametrize("how", ["done", "deleted"])
def test_when_the_newest_leaves_the_next_stands_for_its_thread(db: Database, how: str) -> None:
    fill(db, 2, thread="t")
    newest, older = items(db)
    mark(db, how, newest)
    query = Query(tenant="default", recipient="bob")
    found = db.read(lambda conn: threads.find(conn, query, before=TOP, top=None, most=5))
    assert [row.id for row in found.rows] == [older.id]
