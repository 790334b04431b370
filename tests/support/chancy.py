"""A channel on which a third of all sends fail, some for good, and types whose cooldowns and throttles it is to test."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from clarion import Clarion, Cooldown, Policy, Reject, Retries, Retry, Throttle
from clarion.message import Message
from clarion.recipient import Address

_SOON = Retries(waits=(timedelta(milliseconds=30),) * 3)
LIMIT, BRIEFLY = 3, timedelta(seconds=1)

TYPES = {
    # A window longer than any test: at most one, or so many, ever.
    "cooled": (("chancy",), Policy(retries=_SOON, cooldown=Cooldown(hours=1, key="thread"))),
    "throttled": (("chancy",), Policy(retries=_SOON, throttle=Throttle(LIMIT, hours=1, key="thread"))),
    "cooled on each": (
        ("chancy", "chancier"),
        Policy(retries=_SOON, cooldown=Cooldown(hours=1, key="thread", charge="channel")),
    ),
    "cooled on all": (
        ("chancy", "chancier"),
        Policy(retries=_SOON, cooldown=Cooldown(hours=1, key="thread")),
    ),
    # Windows that end and begin again while the test runs.
    "cooled briefly": (
        ("chancy",),
        Policy(retries=_SOON, cooldown=Cooldown(seconds=BRIEFLY.total_seconds(), key="thread")),
    ),
    "held": (
        ("chancy",),
        Policy(
            retries=_SOON,
            throttle=Throttle(LIMIT, seconds=BRIEFLY.total_seconds(), key="thread", overflow="hold"),
        ),
    ),
}


def code(name: str) -> str:
    return name.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Sent:
    """One send that the channel took, as it was written down in the moment it was taken."""

    delivery: UUID
    event: UUID
    type: str
    recipient: str
    channel: str
    thread: str
    severity: int
    at: float


class Chancy:
    """What becomes of a send depends on the delivery and the attempt alone: sent again, it fares the same."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def send(self, message: Message, _address: Address) -> None:
        import asyncio

        chance = hashlib.sha256(f"{message.id} {message.attempt}".encode()).digest()
        await asyncio.sleep(chance[1] / 255 * 0.05)
        if chance[0] < 256 // 6:
            raise Reject("550", "not this one")
        if chance[0] < 256 // 3:
            raise Retry("busy")
        event = message.event
        line = [str(message.id), str(event.id), event.type, message.recipient.id, self.name, event.thread]
        line += [int(message.severity), time.time()]
        os.write(self._file, (json.dumps(line) + "\n").encode())


def channels(path: str) -> list[Chancy]:
    return [Chancy(path, "chancy"), Chancy(path, "chancier")]


def declare(clarion: Clarion) -> None:
    for name, (on, policy) in TYPES.items():
        clarion.type(code(name), channels=on, policy=policy)


def sends(path: Path) -> list[Sent]:
    """All that was taken."""
    return [_sent(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def _sent(line: list[object]) -> Sent:
    delivery, event, *rest = line
    return Sent(UUID(str(delivery)), UUID(str(event)), *rest)  # type: ignore[arg-type]  # as written above


def pairs(of: Iterable[Sent]) -> Iterable[tuple[Sent, Sent]]:
    """Any two sends of different events, the earlier first."""
    ordered = sorted(of, key=lambda sent: sent.at)
    for n, first in enumerate(ordered):
        yield from ((first, second) for second in ordered[n + 1 :] if second.event != first.event)
