"""An application of a shop, with a channel that must never be called, and a test's hold on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion import Clarion, Cooldown, Event, Policy, Retries
from clarion.message import Message
from clarion.recipient import Address
from clarion.testing import Testing


class Real:
    """A channel that nobody may call: a test is no reason to send anything."""

    name = "email"

    async def send(self, message: Message, address: Address) -> None:
        raise AssertionError(f"{message.id} was sent to {address.value} for real")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Clarion]:
    """An application, on a database that does not exist."""
    clarion = Clarion(f"sqlite:///{tmp_path / 'real.db'}", channels=[Real()])
    waits = Retries(waits=(timedelta(minutes=1), timedelta(minutes=10)), jitter=0)
    clarion.type("shipped", channels=["inbox", "email"], policy=Policy(retries=waits))
    cooldown = Cooldown(minutes=15, channels=["email"])
    clarion.type("late", category="news", channels=["inbox", "email"], policy=Policy(cooldown=cooldown))

    @clarion.type("found", channels=["email"])
    def audience(event: Event, _app: object) -> Iterator[tuple[str, Any]]:
        yield "mention", event.data["people"]

    yield clarion
    clarion.close()


@pytest.fixture
def testing(shop: Clarion) -> Iterator[Testing]:
    with Testing(shop) as testing:
        for id in ("bob", "carol"):
            shop.recipients.upsert(id, name=id.title(), addresses={"email": f"{id}@shop.test"})
        yield testing
