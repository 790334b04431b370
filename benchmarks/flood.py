"""One tenant with a million deliveries ahead: python -m benchmarks.flood [--rows 1000000] [--database both]

A worker process with a channel that takes everything at once, on a database in which a million deliveries of one tenant are due, and
on one in which fewer are, in turns. Its rate and its memory; how long a claim takes; how soon something urgent of the loud tenant is
sent, and something ordinary of a quiet one, beside what that takes when nothing else is to do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from benchmarks import history as past
from benchmarks.common import Bench, Figure, Opened, opened, p99, show, write
from benchmarks.schema import claim
from clarion import Address, Clarion, Message
from clarion.store import schema as s

RECIPIENTS = 20_000
BESIDE = 60_000  # due in each database that is not flooded
TURNS = 3
WARM = 2.0
SPAN = 4.0  # seconds of a turn
ASKED = 40
URGENT, ORDINARY = "bench.urgent", "bench.ordinary"


class Sink:
    """Takes everything at once, and says when it took what somebody waits for."""

    name = "email"

    async def send(self, message: Message, _address: Address) -> str | None:
        if message.event.type in {URGENT, ORDINARY}:
            print(json.dumps([str(message.event.id), time.monotonic()]), flush=True)
        return None


def application(url: str) -> Clarion:
    clarion = Clarion(url, channels=[Sink()])
    clarion.type("bench.happened", channels=["email"])
    clarion.type(URGENT, channels=["email"], severity="urgent")
    clarion.type(ORDINARY, channels=["email"])
    return clarion


def declare(on: Opened) -> None:
    """Before anything is emitted: what was before a channel was enabled is never sent."""
    clarion = application(on.database.url.render_as_string(hide_password=False))
    clarion.start()
    clarion.close()


class Working:
    """A worker process; the monotonic time at which each awaited event was sent."""

    def __init__(self, on: Opened) -> None:
        url = on.database.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "benchmarks.flood", "--work", url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.sent: dict[UUID, float] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            id, at = json.loads(line)
            self.sent[UUID(id)] = at

    def memory_mb(self) -> float:
        """The most it ever had in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self._reader.join()


@contextmanager
def working(on: Opened) -> Iterator[Working]:
    worker = Working(on)
    try:
        time.sleep(WARM)
        yield worker
    finally:
        worker.end()


def left(on: Opened) -> int:
    count = sa.select(sa.func.count()).select_from(s.queue)
    return int(on.database.read(lambda conn: conn.execute(count).scalar_one()))


def rate(on: Opened) -> tuple[float, float]:
    """Deliveries a second of one worker, and the most memory that it took, in MB."""
    with working(on) as worker:
        before, begun = left(on), time.perf_counter()
        time.sleep(SPAN)
        after, took = left(on), time.perf_counter() - begun
        assert after, "the queue ran empty: nothing was measured"
        return (before - after) / took, worker.memory_mb()


def latencies(on: Opened, type: str, tenant: str) -> list[float]:
    """Milliseconds from the commit of an emit to its being sent, one after the other."""
    clarion = application(on.database.url.render_as_string(hide_password=False))
    clarion.start()
    taken = []
    with working(on) as worker:
        for n in range(ASKED):
            id = clarion.database.run(
                lambda conn, n=n: clarion.emit(  # type: ignore[misc]
                    conn, type, tenant=tenant, to=[Address("email", f"someone{n}@example.test")]
                )
            )
            committed = time.monotonic()
            while id not in worker.sent:
                assert time.monotonic() < committed + 60, "not sent within a minute"
                time.sleep(0.001)
            taken.append((worker.sent[id] - committed) * 1000)
            time.sleep(0.05)
    clarion.close()
    return taken


def p95(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)]


def measure(kind: str, rows: int) -> list[Figure]:
    with opened(kind) as make_database:
        flooded, idle = make_database("flooded"), make_database("idle")
        calm_ones = [make_database(f"calm{n}") for n in range(TURNS)]
        bench = Bench(flooded, plans=False)
        for on, number in ((flooded, rows), *((one, BESIDE) for one in calm_ones)):
            declare(on)
            past.people(on, RECIPIENTS)
            history = past.History(on, rows=number, recipients=RECIPIENTS, unread=1000)
            history.write()
            history.queue_again(1, 1)
            if on.postgresql:
                on.maintain("VACUUM ANALYZE")
        measured = [(rate(flooded), rate(one)) for one in calm_ones]
        memory = max(ours[1] for ours, _ in measured)
        ours, floor = (sorted(turn[n][0] for turn in measured)[TURNS // 2] for n in (0, 1))
        bench.add(
            f"one worker, {rows:,} due",
            rate=ours,
            ratio=ours / floor,
            note=f"with {BESIDE:,} due: {floor:,.0f} a second; target 0.8; worker at most {memory:.0f} MB (target 300)",
        )
        claims = []
        for _ in range(200):
            begun = time.perf_counter()
            bench.run(claim)
            claims.append((time.perf_counter() - begun) * 1000)
        bench.add(f"claim 100 of {rows:,} due", claims, note=f"p99 {p99(claims):.1f} ms, target 50")
        urgent = latencies(flooded, URGENT, past.TENANT)
        bench.add(
            "something urgent of the same tenant, emit to sent",
            urgent,
            note=f"longest {max(urgent):.0f} ms, target 2,000",
        )
        calm, flood = latencies(idle, ORDINARY, "quiet"), latencies(flooded, ORDINARY, "quiet")
        bench.add(
            "something ordinary of another tenant, emit to sent",
            flood,
            calm,
            note=f"p95 {p95(flood):.0f} ms; with nothing else to do {p95(calm):.0f} ms: "
            f"{p95(flood) / p95(calm):.2f} times, target 2",
        )
        print()
        show(bench.figures, f"{flooded.version()}: {rows:,} deliveries of one tenant ahead")
    return bench.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        application(given.work).work()
        return
    kinds = ("sqlite", "postgresql") if given.database == "both" else (given.database,)
    figures = [f for kind in kinds for f in measure(kind, given.rows)]
    print(write("flood", {"rows": given.rows}, figures))


if __name__ == "__main__":
    main()
