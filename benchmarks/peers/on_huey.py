"""Huey on SQLite: write-ahead log, every commit synced, no results kept."""

from __future__ import annotations

import os

from huey import SqliteHuey

from benchmarks.peers.ticks import tick

huey = SqliteHuey(filename=os.environ["PEERS_URL"], fsync="PEERS_ENQUEUING" not in os.environ, results=False)


@huey.task()
def nothing(number: int) -> None:
    tick()


def enqueue(count: int) -> None:
    """Not measured, and so it need not wait for the disk."""
    for number in range(count):
        nothing(number)
