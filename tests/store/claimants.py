"""Processes that claim side by side, each until there is nothing left."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from uuid import UUID

from clarion.store import queue
from clarion.store.database import Database
from tests.store.make import CHANNEL
from tests.support.children import PATIENCE, together


def side_by_side(url: str, number: int) -> list[list[UUID]]:
    """What each of so many processes claimed."""
    return together(claim_all, [(url,)] * number)


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
