"""The application of the processes that crash tests start and kill: its types, and where it sends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from clarion import Clarion, Email, Event, Policy, Retries, Role
from clarion.message import Message
from clarion.recipient import Address
from tests.support import chancy
from tests.support.working import limits

SENDER = "Acme <hello@acme.test>"
RETRIES = Retries(waits=(timedelta(milliseconds=300),) * 9)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a child process is to do. `fail_at` names one of `children.FAIL_POINTS`, or is empty."""

    database: str
    smtp: str = ""
    wire: str = ""  # a file: one line for each send, begun and ended
    takes: float = 0.0  # seconds that a send over the wire takes, and the resolver of `hanging`
    hangs: str = "awaiting"  # in which way it takes them: one of `WAYS`
    chancy: str = ""  # a file: one line for each send that `chancy` took
    spans: str = ""  # a file: one line for each span
    fail_at: str = ""
    nth: int = 1
    limits: dict[str, Any] = field(default_factory=dict)


async def _deaf(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds)


async def _blocking(seconds: float) -> None:
    time.sleep(seconds)  # as a channel must not


WAYS: dict[str, Callable[[float], Awaitable[None]]] = {
    "awaiting": asyncio.sleep,
    "in a thread": lambda seconds: asyncio.to_thread(time.sleep, seconds),
    "deaf": _deaf,
    "blocking": _blocking,
}


class FileWire:
    """Writes each send to a file that outlives the process, and can be asked to take its time."""

    name = "wire"

    def __init__(self, path: str, takes: float, hangs: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._takes, self._hangs = takes, WAYS[hangs]

    async def send(self, message: Message, _address: Address) -> None:
        self._note("begun", message)
        if message.event.data.get("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        await self._hangs(self._takes)
        self._note("ended", message)

    def _note(self, what: str, message: Message) -> None:
        said = {"what": what, "id": str(message.id), "pid": os.getpid(), "at": time.monotonic()}
        os.write(self._file, (json.dumps(said) + "\n").encode())


def sends(path: Path, what: str = "ended") -> list[dict[str, Any]]:
    """What was written to a wire."""
    if not path.exists():
        return []
    notes = [json.loads(line) for line in path.read_text().splitlines()]
    return [note for note in notes if note["what"] == what]


def application(plan: Plan, inside: Callable[[str], None] = lambda _point: None) -> Clarion:
    """The application. Its resolver calls `inside` with the name of a fail point."""
    channels: list[Any] = []
    if plan.smtp:
        channels.append(Email(plan.smtp, sender=SENDER, timeout=timedelta(seconds=5)))
    if plan.wire:
        channels.append(FileWire(plan.wire, plan.takes, plan.hangs))
    if plan.chancy:
        channels += chancy.channels(plan.chancy)
    clarion = Clarion(plan.database, channels=channels, limits=limits(**plan.limits))
    if plan.chancy:
        chancy.declare(clarion)
    policy = Policy(retries=RETRIES)
    clarion.type("mailed", channels=["email"], policy=policy)
    clarion.type("wired", channels=["wire"], policy=policy)

    @clarion.type("walked", channels=["inbox"], policy=policy)
    def audience(event: Event, _app: object) -> Iterator[tuple[str, list[str]]]:
        yield "participant", [f"p{n:05}" for n in range(120)]
        inside("resolving")
        yield "mention", [f"p{n:05}" for n in range(60, 150, 3)]

    @clarion.type("grouped", channels=["inbox"], policy=policy)
    def crowds(event: Event, _app: object) -> Iterator[tuple[str, list[str | Role]]]:
        yield "reviewer", [Role("admin")]
        yield "mention", ["p00003", "p00150", "p00290"]

    @clarion.type("deadly", channels=["inbox"], policy=policy)
    def kills(event: Event, _app: object) -> list[tuple[str, list[str]]]:
        os._exit(9)

    @clarion.type("hanging", channels=["inbox"], policy=policy)
    def hangs(event: Event, _app: object) -> list[tuple[str, list[str]]]:
        time.sleep(plan.takes)
        return [("direct", ["p00000"])]

    @clarion.type("slowly", channels=["inbox"], policy=policy)
    def slow(event: Event, _app: object) -> list[tuple[str, list[str]]]:
        time.sleep(0.5)
        return [("direct", ["p00000"])]

    return clarion
