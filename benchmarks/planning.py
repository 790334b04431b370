"""How many decisions a second `plan()` makes: python -m benchmarks.planning

Pure, one core, nothing of a database. A page of a thousand people who said various things, one event after the
other; a decision is one channel of one notification. Medians of rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from benchmarks import latest
from benchmarks.common import Figure, show, write
from benchmarks.comparison import Comparison
from clarion import quiet_hours
from clarion.circumstances import Candidate, Facts
from clarion.event import Event, make
from clarion.event_type import EventType
from clarion.plan import plan
from clarion.policy import Cooldown, Policy
from clarion.preference import Preference, Watch
from clarion.recipient import Recipient, StoredAddress
from clarion.severity import Severity
from clarion.slot import Slot, Slots, charges
from clarion.tag_filter import TagFilter

PAGE = 1000
TARGET = 200_000
PLAIN = EventType(code="bench.released", category="releases", channels=("inbox", "email"))
CHARGED = EventType(
    code="bench.released",
    category="releases",
    channels=("inbox", "email"),
    policy=Policy(cooldown=Cooldown(minutes=15, key="thread", channels=("email",))),
)
SAID: tuple[tuple[Preference, ...], ...] = (
    (),
    (),
    (Preference(scope="*", channel="email", min_severity=Severity.WARNING),),
    (Preference(scope="category:releases", channels=("inbox",)),),
    (Preference(scope="type:bench.released", enabled=False),),
    (
        Preference(scope="*", enabled=True),
        Preference(scope="type:bench.released", channel="email", enabled=True),
    ),
)
HOURS = quiet_hours.parse({"daily": ["22:00-07:00"]})
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC")


def people(number: int) -> dict[str, Any]:
    """What is known of so many: a third has said something, some have quiet hours, filters and levels."""
    known: dict[str, Any] = {"recipients": {}, "addresses": {}, "preferences": {}, "watches": {}}
    for n in range(number):
        id = f"person-{n:06}"
        known["recipients"][id] = Recipient(
            id=id,
            time_zone=ZONES[n % 4],
            active=n % 50 != 0,
            quiet_hours=HOURS if n % 10 == 1 else None,
            tags=TagFilter(exclude=("noise*",)) if n % 10 == 2 else None,
        )
        known["addresses"][id] = [StoredAddress(id=UUID(int=n), channel="email", value=f"{id}@a.test")]
        known["preferences"][id] = list(SAID[n % len(SAID)])
        if n % 10 == 3:
            known["watches"][id] = [Watch(topic="cl/1", level="participating")]
    return known


def half_taken(type: EventType, event: Event, ids: list[str]) -> Slots:
    """Slots of which every second recipient has one that was taken before."""
    about = {"thread": event.thread, "type": type.code}
    (charge,) = charges(type.policy.rules, about, Severity.INFO, type.channels)
    now = event.at
    held = Slot(severity=Severity.INFO, n=0, holder=uuid4(), taken_at=now, until=now + timedelta(minutes=5))
    return Slots({(id, charge.key): [held] for id in ids[::2]})


def rate(type: EventType, known: Mapping[str, Any], rounds: int, *, taken: bool = False) -> float:
    """Decisions a second."""
    event = make(type.code, {"thread": "cl/1", "topic": "releases", "tags": ["noise:ci"]})
    page = [Candidate(id, "subscribed") for id in known["recipients"]]
    since = dict.fromkeys(type.channels, datetime(2020, 1, 1, tzinfo=UTC))
    rates = []
    for _ in range(rounds):
        slots = half_taken(type, event, list(known["recipients"])) if taken else Slots()
        facts = Facts(**known, enabled_since=since, slots=slots)
        begun = time.perf_counter()
        planned = plan(event, type, page, facts, event.at)
        took = time.perf_counter() - begun
        rates.append(sum(len(told.decisions) for told in planned.planned) / took)
    return statistics.median(rates)


def comparison(figure: Figure) -> Comparison:
    return Comparison(
        name=f"planning: {figure.name}",
        ours=figure.rate or 0,
        other=TARGET,
        other_name="the limit set",
        unit="decisions a second",
        target=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    known = people(PAGE)
    figures = []
    for name, type, taken in (
        ("plan(), a page of 1,000, no policy", PLAIN, False),
        ("plan(), with a cooldown, nothing taken", CHARGED, False),
        ("plan(), with a cooldown, half of it taken", CHARGED, True),
    ):
        found = rate(type, known, rounds, taken=taken)
        figures.append(
            Figure(
                database="none",
                name=name,
                rate=found,
                ratio=found / TARGET,
                note=f"target {TARGET:,} decisions/s",
            )
        )
    print()
    show(figures, "Planning: decisions a second, on one core")
    print(write("planning", {}, figures))
    latest.record("planning", [comparison(f) for f in figures])


if __name__ == "__main__":
    main()
