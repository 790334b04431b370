"""A thousand readers of the stream: how soon a change is with its reader, and what a reader costs the service.

`python -m benchmarks.streaming [--clients 1000] [--rounds 300]`. The service is a process of its own; the changes are
made in this one, so that what is measured is the way of every change: by the database. Targets: 15 ms, 20 KiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import latest
from benchmarks.common import RESULTS, machine, opened, p50, p99
from benchmarks.comparison import Comparison
from clarion import Clarion
from clarion.web.tokens import sign

SECRET = "the secret of a measurement, known to both of its ends"
PATIENCE = 60.0
PAUSE = 0.02  # seconds between changes, at the mean
SERVING = """
import sys
from clarion import Clarion
from clarion.web.serving import serve
from clarion.web.settings import Settings, TokenSettings
clarion = Clarion(sys.argv[1])
clarion.type("note", channels=["inbox"])
settings = Settings(tokens=TokenSettings(secret=sys.argv[2]))
serve(clarion, settings, host="127.0.0.1", port=int(sys.argv[3]), works=False)
"""


class Client:
    """One reader, and when it was told of what."""

    def __init__(self, recipient: str) -> None:
        self.recipient = recipient
        self.open = asyncio.Event()
        self.told = asyncio.Event()
        self.at = 0.0

    async def read(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /v1/inbox/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sign(SECRET, self.recipient)}\r\n\r\n"
        writer.write(head.encode())
        async for line in reader:
            if line.startswith(b"id:"):
                self.open.set()
            elif line.startswith(b"event: change"):
                self.at = time.perf_counter()
                self.told.set()
        writer.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def resident(process: int) -> int:
    """KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def fill(clarion: Clarion, people: list[str]) -> dict[str, UUID]:
    """An item for each; their ids."""
    clarion.recipients.upsert_many({"id": one} for one in people)
    clarion.start()
    clarion.database.run(lambda conn: clarion.emit(conn, "note", to=people, data={"title": "Measured"}))
    worker = clarion.worker()
    working = asyncio.create_task(worker.run())
    while not (clarion.inbox.list(people[-1]).items and clarion.inbox.list(people[0]).items):
        await asyncio.sleep(0.05)
    worker.stop()
    await working
    return {one: clarion.inbox.list(one).items[0].id for one in people}


async def reached(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def measure(clarion: Clarion, url: str, clients: int, rounds: int) -> dict[str, Any]:
    people = [f"p{n:05}" for n in range(clients + 1)]
    items = await fill(clarion, people)
    port = free_port()
    service = subprocess.Popen([sys.executable, "-c", SERVING, url, SECRET, str(port)])
    try:
        await reached(port)
        everybody = [Client(one) for one in people]
        tasks = [asyncio.create_task(everybody[-1].read(port))]  # so that what all share is there
        await asyncio.wait_for(everybody[-1].open.wait(), PATIENCE)
        before = resident(service.pid)
        for start in range(0, clients, 50):
            some = everybody[start : min(start + 50, clients)]
            tasks += [asyncio.create_task(one.read(port)) for one in some]
            await asyncio.wait_for(asyncio.gather(*(one.open.wait() for one in some)), PATIENCE)
        each = (resident(service.pid) - before) / clients
        taken = []
        for n in range(rounds):
            one = everybody[n // 2 * 7919 % clients]  # read, then unread
            one.told.clear()
            how = "read" if n % 2 == 0 else "unread"
            if not await asyncio.to_thread(clarion.inbox.mark, one.recipient, [items[one.recipient]], how):
                continue
            committed = time.perf_counter()
            await asyncio.wait_for(one.told.wait(), PATIENCE)
            taken.append(max(0.0, one.at - committed) * 1000)
            await asyncio.sleep(random.expovariate(1 / PAUSE))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        service.terminate()
        service.wait(PATIENCE)
    return {"changes": len(taken), "p50_ms": p50(taken), "p99_ms": p99(taken), "kib_a_client": each}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--clients", type=int, default=1000)
    given.add_argument("--rounds", type=int, default=300)
    given.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    options = given.parse_args()
    with opened(options.database) as make:
        url = make("streaming").database.url.render_as_string(hide_password=False)
        clarion = Clarion(url)
        clarion.type("note", channels=["inbox"])
        found = asyncio.run(measure(clarion, url, options.clients, options.rounds))
        clarion.close()
    shown = {"machine": machine(), "database": options.database, "clients": options.clients, **found}
    (RESULTS / "streaming.json").write_text(json.dumps(shown, indent=2) + "\n")
    print(json.dumps(shown, indent=2))
    engine = "PostgreSQL" if options.database == "postgresql" else "SQLite"
    limits = (("from the commit to the reader, p50", found["p50_ms"], 15.0, "ms"), ("memory of a client", found["kib_a_client"] * 1024, 20.0 * 1024, "bytes"))  # fmt: skip
    latest.record(
        "streaming",
        [
            Comparison(
                name=f"streaming: {engine}, {options.clients:,} clients, {what}",
                ours=ours,
                other=limit,
                other_name="the limit set",
                unit=unit,
                target=1,
            )
            for what, ours, limit, unit in limits
        ],
    )


if __name__ == "__main__":
    main()
