"""What an operator looks for, in a database with a past: python -m benchmarks.searching

Each is one page of the desk, as the service reads it; the slowest of some runs is what counts. A page with a filter that
lets nothing pass is the dearest: it looks at as much as a page may.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import timedelta

from benchmarks.common import Figure, Opened, opened, show, times, write
from benchmarks.history import LANE, READER, History, people, person
from clarion import Clarion, clock
from clarion.sought import DeliveryFilter, EventFilter, NotificationFilter

LONGEST = 200.0  # milliseconds
REPEATS = 20


def pages(clarion: Clarion, past: History) -> Iterator[tuple[str, Callable[[], object]]]:
    """By name, what is looked for."""
    desk = clarion.desk("bench")
    event, delivery = past.events[len(past.events) // 2], past.deliveries[len(past.deliveries) // 2]
    hour = clock.now() - timedelta(hours=1)
    filters: dict[str, EventFilter | NotificationFilter | DeliveryFilter] = {
        "events": EventFilter(),
        "events of a type": EventFilter(type="bench.happened"),
        "events of a type that there is not": EventFilter(type="none"),
        "events by key": EventFilter(key="key-7"),
        "events about a subject": EventFilter(subject="cl/7"),
        "events by correlation": EventFilter(correlation_id="none"),
        "events that wait": EventFilter(state="waiting"),
        "events that failed": EventFilter(state="failed"),
        "notifications": NotificationFilter(),
        "notifications by gate": NotificationFilter(gate="consent"),
        "notifications by a gate that stopped none": NotificationFilter(gate="muted"),
        "notifications of an event": NotificationFilter(event=event),
        "notifications of somebody": NotificationFilter(recipient=person(7)),
        "notifications of a reader of many": NotificationFilter(recipient=READER),
        "notifications of nobody who was told": NotificationFilter(told=False),
        "deliveries": DeliveryFilter(),
        "deliveries since": DeliveryFilter(since=hour),
        "deliveries by id": DeliveryFilter(id=delivery),
        "deliveries of an event": DeliveryFilter(event=event),
        "deliveries of somebody": DeliveryFilter(recipient=person(7)),
        "deliveries to an address": DeliveryFilter(address="person-000007@"),
        "deliveries that failed": DeliveryFilter(state="failed"),
        "deliveries that failed, by code": DeliveryFilter(state="failed", code="none"),
        "deliveries that failed, of a type": DeliveryFilter(state="failed", type="none"),
        "deliveries that wait": DeliveryFilter(state="waiting"),
        "deliveries that are being sent": DeliveryFilter(state="sending"),
        "deliveries in a lane": DeliveryFilter(lane=LANE),
        "deliveries in a lane that there is not": DeliveryFilter(lane="none"),
        "deliveries that were suppressed": DeliveryFilter(state="suppressed"),
        "deliveries of a type that there is not": DeliveryFilter(type="none"),
        "deliveries with a code that there is not": DeliveryFilter(code="none"),
    }
    for name, wanted in filters.items():
        match wanted:
            case EventFilter():
                yield name, lambda wanted=wanted: desk.events(wanted)  # type: ignore[misc]
            case NotificationFilter():
                yield name, lambda wanted=wanted: desk.notifications(wanted)  # type: ignore[misc]
            case DeliveryFilter():
                yield name, lambda wanted=wanted: desk.deliveries(wanted)  # type: ignore[misc]
        yield f"{name}: total", lambda wanted=wanted: desk.count(wanted)  # type: ignore[misc]
    yield "choosing what failed", lambda: desk.preview_replay(state="failed", channel="email")
    yield "choosing what waits in a lane", lambda: desk.preview_cancel(lane="lane-001")
    yield "one delivery", lambda: desk.delivery(delivery)
    yield "a text", lambda: desk.look_up("key-7")
    yield "an address", lambda: desk.look_up("person-000007@")
    yield "channels", desk.channels
    yield "selections", desk.selections
    yield "audit", desk.audit


def measure(kind: str, rows: int) -> list[Figure]:
    figures = []
    with opened(kind) as make:
        on = make("searching")
        past = _filled(on, rows)
        clarion = Clarion(on.database.url.render_as_string(hide_password=False))
        for name, page in pages(clarion, past):
            taken = sorted(times(page, REPEATS, warm=1))
            slow = f"more than {LONGEST:g} ms" if taken[-1] > LONGEST else ""
            figures.append(
                Figure(database=kind, name=name, p50_ms=taken[len(taken) // 2], p99_ms=taken[-1], note=slow)
            )
        clarion.close()
        show(figures, f"An operator's pages, {rows:,} deliveries, {on.version()}; p99 is the slowest")
    return figures


def _filled(on: Opened, rows: int) -> History:
    people(on, 20_000)
    past = History(on, rows=rows, recipients=20_000, unread=2000)
    past.write()
    every, past.deliveries = past.deliveries, past.deliveries[::5]
    past.queue_again(lanes=100, few=10)
    past.deliveries = every
    return past


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures = [figure for kind in kinds for figure in measure(kind, given.deliveries)]
    print(write("searching", {"deliveries": given.deliveries}, figures))


if __name__ == "__main__":
    main()
