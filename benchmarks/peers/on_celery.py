"""Celery, on RabbitMQ or Redis by the URL: what the chapter "Optimizing" of its manual says of many short tasks.

Prefetching much, no results, no gossip (see the command). Publishing is confirmed by the broker; acknowledging late
keeps what is in hand when a worker dies, as ours does.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

from benchmarks.peers.ticks import tick

app = Celery(broker=os.environ["PEERS_URL"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    broker_transport_options={"confirm_publish": True} if app.conf.broker_url.startswith("amqp") else {},
)


@app.task(name="nothing")
def nothing(number: int) -> None:
    tick()


def enqueue(count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(nothing.delay, range(count)))
