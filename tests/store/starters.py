"""Processes that start an application at the same moment."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Any

from clarion import Clarion, Console
from tests.support.children import PATIENCE, together


def start_together(url: str, versions: list[str]) -> list[Any]:
    """What came of `start()` in a process for each of these versions: None, or its error."""
    return together(start, [(url, version) for version in versions])


def start(url: str, version: str, barrier: Barrier, answer: Pipe) -> None:
    app = application(url, version)
    barrier.wait(PATIENCE)
    try:
        app.start()
    except Exception as error:  # noqa: BLE001 - for the test to see
        answer.send(repr(error))
    else:
        answer.send(None)


def application(url: str, version: str) -> Clarion:
    """Declares the same types in each version, with another description."""
    app = Clarion(url, version=version, channels=[Console()])
    for n in range(20):
        app.type(f"cl.n{n}", description=f"as of {version}", channels=("inbox", "console"))
    return app
