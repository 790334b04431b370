"""pgqueuer on PostgreSQL through asyncpg and uvloop: jobs enqueued in batches, its tables durable as installed.

`work` is a worker: the command of 1.6 fails at its option for the log.
"""

from __future__ import annotations

import os

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from benchmarks.peers.ticks import tick

BATCH = 1000
CLAIMED = 100


async def _work() -> None:
    queuer = PgQueuer(AsyncpgDriver(await asyncpg.connect(os.environ["PEERS_URL"])))

    @queuer.entrypoint("nothing")
    async def nothing(job: Job) -> None:
        tick()

    await queuer.run(batch_size=CLAIMED)


async def _enqueue(count: int) -> None:
    connection = await asyncpg.connect(os.environ["PEERS_URL"])
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        await queries.enqueue(["nothing"] * size, [b"%d" % (start + n) for n in range(size)], [0] * size)
    await connection.close()


def work() -> None:
    uvloop.run(_work())


def enqueue(count: int) -> None:
    uvloop.run(_enqueue(count))
