"""Dramatiq on RabbitMQ: publishing is confirmed; messages are persistent and acknowledged late by default."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.peers.ticks import tick

dramatiq.set_broker(RabbitmqBroker(url=os.environ["PEERS_URL"], confirm_delivery=True))


@dramatiq.actor
def nothing(number: int) -> None:
    tick()


def enqueue(count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(nothing.send, range(count)))
