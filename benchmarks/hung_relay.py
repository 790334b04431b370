"""What one hung mail relay costs the other channels: python -m benchmarks.hung_relay

A worker sends on two channels: mail, over SMTP, and another that takes 5 ms for each. Every few milliseconds something is emitted
for the other one, and the time until it was taken is measured: with no mail at all; with a hundred mails a second and a relay that is
well; and with a hundred mails and a relay that hangs, at each stage in turn. F6 asks for a p99 below twice that without mail.
Interleaved rounds on one database; each begins with an empty queue and no pause.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import time
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from tests.support.smtp import FaultServer, hang
from tests.support.working import PATIENCE, crowd, until

from benchmarks.common import Figure, opened, p50, p99, show, write
from clarion import Address, Clarion, Email, Message, Policy, Retries
from clarion.store.schema import pauses, queue

NO_MAIL, WELL = "no mail", "the relay is well"
STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot")
TAKES = 0.005  # seconds that a send on the other channel takes
MAILS = 100
BETWEEN = 0.02  # seconds between two events for the other channel, on average
TIMEOUT = timedelta(seconds=3)  # of a mail: as long as the relay holds up each
SOON = Retries(waits=(timedelta(seconds=1),) * 20)


class Other:
    """A channel that is well, and notes when it had taken what was emitted."""

    name = "other"

    def __init__(self) -> None:
        self.taken: dict[UUID, float] = {}

    async def send(self, message: Message, _address: Address) -> None:
        await asyncio.sleep(TAKES)
        self.taken[message.event.id] = time.perf_counter()


def application(url: str, relay: str, other: Other) -> Clarion:
    clarion = Clarion(url, channels=[Email(relay, sender="a@acme.test", timeout=TIMEOUT), other])
    clarion.type("mailed", channels=["email"], policy=Policy(retries=SOON))
    clarion.type("other", channels=["other"])
    clarion.start()
    return clarion


async def round_(url: str, what: str, seconds: float, people: list[str]) -> list[float]:
    """Milliseconds from each emit to the end of its send. `what`: `NO_MAIL`, `WELL`, or the stage at which the relay hangs."""
    other, begun = Other(), dict[UUID, float]()
    async with FaultServer() as relay:
        if what in STAGES:
            relay.at(what, hang, always=True)
        clarion = application(url, relay.url, other)
        worker = clarion.worker()
        working = asyncio.create_task(worker.run())

        def emit(type: str, to: list[str]) -> UUID:
            return clarion.database.run(lambda conn: clarion.emit(conn, type, to=to))

        if what in STAGES:
            await asyncio.to_thread(emit, "mailed", people)
            await until(relay.passed[what].is_set)
        mail_at = began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            if what == WELL and time.perf_counter() >= mail_at:
                await asyncio.to_thread(emit, "mailed", people)
                mail_at += 1
            at = time.perf_counter()
            begun[await asyncio.to_thread(emit, "other", ["o00000"])] = at
            await asyncio.sleep(random.uniform(0, 2 * BETWEEN))
        await until(lambda: len(other.taken) == len(begun), within=PATIENCE)
        worker.stop()
        await working
        clarion.database.run(_forget)
        clarion.close()
    return [(other.taken[id] - at) * 1000 for id, at in begun.items()]


def _forget(conn: sa.Connection) -> None:
    """What the relay did not take is not the next round's."""
    conn.execute(sa.delete(queue))
    conn.execute(sa.delete(pauses))


def measure(kind: str, rounds: int, seconds: float, figures: list[Figure]) -> None:
    with opened(kind) as make:
        one = make("hung_relay")
        url = one.database.url.render_as_string(hide_password=False)
        setting_up = Clarion(url)
        people = crowd(setting_up, MAILS, channel="email")
        crowd(setting_up, 1, channel="other", prefix="o")
        setting_up.close()
        taken: dict[str, list[float]] = {what: [] for what in (NO_MAIL, WELL, *STAGES)}
        for _ in range(rounds):
            for what in taken:
                taken[what] += asyncio.run(round_(url, what, seconds, people))
        normal = p99(taken[NO_MAIL])
        for what, times in taken.items():
            name = f"it hangs at {what}" if what in STAGES else what
            note = f"{len(times)} sends; p99 in relation to no mail: {p99(times) / normal:.2f}"
            figures.append(Figure(database=kind, name=name, p50_ms=p50(times), p99_ms=p99(times), note=note))
        show([f for f in figures if f.database == kind], f"{kind}: from emit to sent on the other channel")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="how long a round emits")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = parser.parse_args()
    logging.getLogger("clarion").setLevel(logging.ERROR)
    figures: list[Figure] = []
    for kind in options.database or ("sqlite", "postgresql"):
        measure(kind, options.rounds, options.seconds, figures)
    print(write("hung_relay", {"rounds": options.rounds, "seconds": options.seconds}, figures))


if __name__ == "__main__":
    main()
