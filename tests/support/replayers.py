"""Processes that replay at the same moment, as operators at two terminals do."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier

from clarion import Clarion
from tests.support.children import PATIENCE, together


def replay_together(url: str, number: int, channel: str) -> list[int]:
    """All that failed on this channel; how many each of so many processes put back."""
    return together(replay_all, [(url, channel)] * number)


def replay_all(url: str, channel: str, barrier: Barrier, answer: Pipe) -> None:
    from clarion import operating

    clarion = Clarion(url)
    operating.AT_ONCE = 7  # many small transactions meet more often than one large one
    clarion.replay(channel=channel, dry_run=True)
    barrier.wait(PATIENCE)
    answer.send(clarion.replay(channel=channel).replayed)
    clarion.close()
