"""Procrastinate on PostgreSQL: an asynchronous worker, jobs deferred in batches."""

from __future__ import annotations

import os

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.peers.ticks import tick

BATCH = 1000
app = App(connector=PsycopgConnector(conninfo=os.environ["PEERS_URL"]))


@app.task(name="nothing")
async def nothing(number: int) -> None:
    tick()


def enqueue(count: int) -> None:
    with (
        app.replace_connector(SyncPsycopgConnector(conninfo=os.environ["PEERS_URL"])) as enqueuing,
        enqueuing.open(),
    ):
        enqueuing.schema_manager.apply_schema()
        for start in range(0, count, BATCH):
            enqueuing.tasks["nothing"].batch_defer(
                *({"number": n} for n in range(start, min(start + BATCH, count)))
            )
