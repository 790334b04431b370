"""Our side of the comparison with the peers, counted in the same way: each send is a tick.

python -m benchmarks.peers.ours URL is one of the worker processes.
"""

from __future__ import annotations

import sys
import time

from benchmarks import fan_out
from benchmarks import history as past
from benchmarks.common import Opened, opened
from benchmarks.peers import draining
from benchmarks.peers.ticks import tick
from benchmarks.sending import RECIPIENTS, emit, everybody
from clarion import Address, Clarion, Message
from clarion.event_type import EventType
from clarion.store import registry
from clarion.workers.wiring import Limits

DUE = 300_000
EVENTS = 30_000
ROUNDS = 2
TOLD = EventType(code="bench.told", category="releases", channels=("inbox",))


class Ticking:
    """Takes everything at once."""

    name = "email"

    async def send(self, _message: Message, _address: Address) -> str | None:
        tick()
        return None


def application(url: str) -> Clarion:
    clarion = Clarion(url, channels=[Ticking()])
    clarion.type("bench.happened", channels=["email"])
    return clarion


def rates(kind: str) -> dict[str, float]:
    """Deliveries a second of one and of two processes on a full queue, and of one that begins with the events."""
    with opened(kind) as make_database:
        on = make_database("full")
        everybody(on)
        history = past.History(on, rows=DUE, recipients=RECIPIENTS, unread=1000)
        history.write()
        history.queue_again(1, 1)
        if on.postgresql:
            on.maintain("VACUUM ANALYZE")
        found = {"1 process": _rate(on, 1, DUE // 2), "2 processes": _rate(on, 2, DUE // 2)}
        whole = make_database("events")
        everybody(whole)
        emit(whole, EVENTS)
        return found | {"1 process, from the event": _rate(whole, 1, EVENTS)}


def _rate(on: Opened, processes: int, number: int) -> float:
    command = [sys.executable, "-m", __name__, on.database.url.render_as_string(hide_password=False)]
    return draining.rate([command] * processes, {}, number)


def seconds_to_tell(people: int) -> float:
    """Seconds from emitting one event until each of so many followers has it in the inbox."""
    with opened("postgresql") as make_database:
        on = make_database("told")
        past.people(on, people)
        on.database.run(lambda conn: registry.persist(conn, [TOLD], [], "1"))
        taken = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            fan_out.walk(on, TOLD, Limits().page)
            taken.append(time.perf_counter() - begun)
        return min(taken)


if __name__ == "__main__":
    application(sys.argv[1]).work()
