"""Processes that claim side by side, each until there is nothing left."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from uuid import UUID

from clarion.store import queue
from clarion.store.database import Database
from tests.emit.producers import PATIENCE, processes
from tests.store.make import CHANNEL


def side_by_side(url: str, number: int) -> list[list[UUID]]:
    """What each of so many processes claimed."""
    context = processes()
    barrier = context.Barrier(number)
    pipes, children = [], []
    for _ in range(number):
        ours, theirs = context.Pipe()
        child = context.Process(target=claim_all, args=(url, barrier, theirs))
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    claimed = []
    for pipe, child in zip(pipes, children, strict=True):
        assert pipe.poll(PATIENCE), "a process does not answer"
        claimed.append(pipe.recv())
        pipe.close()
        child.join(PATIENCE)
        child.close()
    return claimed


def claim_all(url: str, barrier: Barrier, answer: Pipe) -> None:
    database = Database(url)
    database.read(lambda conn: None)
    barrier.wait(PATIENCE)
    mine: list[UUID] = []
    empty, first = 0, True
    while empty < 3:  # PostgreSQL passes over what another is just claiming
        claims = database.run(
            lambda conn: queue.claim_due(conn, CHANNEL, most=7, each=3, lease=timedelta(minutes=5), after="")
        )
        mine += [claim.delivery_id for claim in claims]
        empty = 0 if claims else empty + 1
        if first:  # nobody goes on before all have had a turn
            barrier.wait(PATIENCE)
            first = False
    answer.send(mine)
