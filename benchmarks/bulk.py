"""Recipients in bulk, each with an address and a preference, on fresh databases: python -m benchmarks.bulk

The first time everybody is new; the second time nothing has changed; the third time everybody's address and preference
have. The floor inserts the very same rows by COPY or one prepared statement, made beforehand and reading
nothing, in transactions of as many.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from benchmarks.common import Figure, Opened, opened, show, write
from clarion import clock, ids
from clarion.edit import RecipientEdit
from clarion.event_type import EventType
from clarion.names import Names
from clarion.recipients import CHUNK, Recipients
from clarion.store import inserting
from clarion.store import schema as s

TYPES = {"cl.merged": EventType(code="cl.merged", category="reviews", channels=("inbox", "email"))}
T = "default"


def people(count: int, turn: int) -> Iterator[RecipientEdit]:
    channels = (["inbox"], ["email"])[turn % 2]
    for n in range(count):
        yield {
            "id": f"p{n:07}",
            "name": f"Person {n}",
            "addresses": {"email": f"p{n}@{turn}.test"},
            "preferences": [{"scope": "category:reviews", "channels": channels}],
        }


def floor(on: Opened, count: int) -> float:
    """Seconds to insert the rows that the first time leaves, the history among them."""
    now = clock.now()
    before: dict[str, Any] = {"scope": "category:reviews", "channel": "*", "channels": None}
    after = {**before, "channels": ["inbox"]}
    portions = [
        [
            (f"p{n:07}", ids.uuid7(), f"p{n}@0.test", f"Person {n}")
            for n in range(start, min(start + CHUNK, count))
        ]
        for start in range(0, count, CHUNK)
    ]

    def insert(conn: sa.Connection, some: list[Any]) -> None:
        own = ("tenant", "id", "name", "created_at", "updated_at")
        inserting.many(conn, s.recipients, own, [(T, p, name, now, now) for p, _, _, name in some])
        where = ("tenant", "id", "recipient", "channel", "value", "created_at")
        inserting.many(conn, s.addresses, where, [(T, i, p, "email", at, now) for p, i, at, _ in some])
        said = ("tenant", "recipient", "scope", "channel", "channels", "changed_at")
        rows: list[Any] = [(T, p, "category:reviews", "*", ["inbox"], now) for p, *_ in some]
        inserting.many(conn, s.preferences, said, rows)
        entry = ("tenant", "recipient", "n", "at", "before", "after")
        inserting.many(conn, s.preference_changes, entry, [(T, p, 1, now, before, after) for p, *_ in some])

    begun = time.perf_counter()
    for some in portions:
        on.database.run(lambda conn, some=some: insert(conn, some))  # type: ignore[misc]
    return time.perf_counter() - begun


def measure(kind: str, count: int) -> list[Figure]:
    figures = []
    with opened(kind) as make:
        least = floor(make("floor"), count)
        on = make("bulk")
        recipients = Recipients(on.database, Names(TYPES, ["email"]))
        for name, turn in (
            ("all are new", 0),
            ("nothing has changed", 0),
            ("address and preference changed", 1),
        ):
            seconds = _seconds(lambda turn=turn: recipients.upsert_many(people(count, turn), by="bench"))  # type: ignore[misc]
            ratio = least / seconds if name == "all are new" else None
            note = f"{seconds:.1f} s" + ("" if ratio is None else f", floor {least:.1f} s")
            figures.append(Figure(database=kind, name=name, rate=count / seconds, ratio=ratio, note=note))
        show(figures, f"{count:,} recipients in bulk, {on.version()}, in transactions of {CHUNK:,}")
    return figures


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--recipients", type=int, default=100_000)
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures = [figure for kind in kinds for figure in measure(kind, given.recipients)]
    print(write("bulk", {"recipients": given.recipients}, figures))


if __name__ == "__main__":
    main()
