"""pgqueuer on PostgreSQL through asyncpg: jobs enqueued in batches, its tables durable as installed."""

from __future__ import annotations

import asyncio
import os
import sys

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.ticks import tick

BATCH = 1000


async def main() -> PgQueuer:
    queuer = PgQueuer(AsyncpgDriver(await asyncpg.connect(os.environ["PEERS_URL"])))

    @queuer.entrypoint("nothing")
    async def nothing(job: Job) -> None:
        tick()

    return queuer


async def enqueue(count: int) -> None:
    connection = await asyncpg.connect(os.environ["PEERS_URL"])
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        await queries.enqueue(["nothing"] * size, [b"%d" % (start + n) for n in range(size)], [0] * size)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(enqueue(int(sys.argv[1])))
