"""Huey on SQLite: write-ahead log, every commit synced, no results kept."""

from __future__ import annotations

import os
import sys

from huey import SqliteHuey

from benchmarks.peers.ticks import tick

ENQUEUING = "PEERS_ENQUEUING"  # which is not measured, and need not wait for the disk
huey = SqliteHuey(filename=os.environ["PEERS_URL"], fsync=ENQUEUING not in os.environ, results=False)


@huey.task()
def nothing(number: int) -> None:
    tick()


if __name__ == "__main__":
    os.environ[ENQUEUING] = "yes"
    from benchmarks.peers import on_huey  # jobs are known by their module's name, and this one is called __main__

    for number in range(int(sys.argv[1])):
        on_huey.nothing(number)
