"""Channels: how one message reaches one address. A new one is about twenty lines.

A channel sends and says truly what happened; retrying, timing, rates, logging and metrics live outside it.
"""

from __future__ import annotations

from typing import Protocol

from clarion.message import Message
from clarion.recipient import Address


class Channel(Protocol):
    """The contract, whole."""

    name: str

    async def send(self, message: Message, address: Address) -> str | None:
        """Hand `message` over; return the provider's receipt, if it gives one.

        Raises `Retry(after=)`, `Reject`, `Gone` (the address is dead) or `Down` (the provider was out of reach
        before this message's bytes left). Anything else raised counts as a `Retry`.
        """
        ...
