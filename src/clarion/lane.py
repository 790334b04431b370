"""Lanes: what is to be sent in the same lane may wait for one another, different lanes never do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

Destination = Callable[[str], str]


class Lanes:
    """Which lane a delivery belongs to: that of its tenant, and of its destination where each address has its own.

    A channel whose address is itself the provider (a webhook, a push endpoint) has a method `destination(address)`:
    whatever goes out there goes to the same place, and is down or slow together.
    """

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._destinations = destinations

    @classmethod
    def of(cls, channels: Iterable[tuple[str, object]]) -> Lanes:
        """Of these channels, (name, channel)."""
        found = ((name, getattr(channel, "destination", None)) for name, channel in channels)
        return cls({name: destination for name, destination in found if destination is not None})

    def apart(self, channel: str) -> bool:
        """Whether each destination of this channel is a provider of its own."""
        return channel in self._destinations

    def lane(self, tenant: str, channel: str, address: str) -> str:
        """The lane of a delivery to this address."""
        destination = self._destinations.get(channel)
        return tenant if destination is None else f"{tenant} {_read(destination, address)}"


def _read(destination: Destination, address: str) -> str:
    """An address that a channel cannot read has a lane of its own: sending to it says what is wrong with it."""
    try:
        return destination(address)
    except Exception:  # noqa: BLE001 - a channel's code must not keep the others from being told
        return address
