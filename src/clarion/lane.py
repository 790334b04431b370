"""Lanes: what is to be sent in the same lane may wait for one another, different lanes never do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

Destination = Callable[[str], str]
_THEN = "\x1f"  # stands in no tenant, recipient or address: control characters are refused


class Lanes:
    """Which lane a delivery belongs to: that of its tenant, and of its destination where each address has its own.

    A channel whose address is itself the provider (a webhook, a push endpoint) has a method `destination(address)`:
    whatever goes out there goes to the same place, and is down or slow together. What is `fetched` has a lane for
    each recipient and address, so that each finds their own.
    """

    def __init__(self, destinations: Mapping[str, Destination], fetched: Collection[str] = ()) -> None:
        self._destinations, self._fetched = destinations, fetched

    @classmethod
    def of(cls, channels: Iterable[tuple[str, object]]) -> Lanes:
        """Of these channels, (name, channel)."""
        named = list(channels)
        found = ((name, getattr(channel, "destination", None)) for name, channel in named)
        return cls(
            {name: destination for name, destination in found if destination is not None},
            {name for name, channel in named if is_fetched(channel)},
        )

    def apart(self, channel: str) -> bool:
        """Whether each destination of this channel is a provider of its own."""
        return channel in self._destinations or channel in self._fetched

    def lane(self, tenant: str, channel: str, address: str, recipient: str) -> str:
        """The lane of a delivery to this address of this recipient's."""
        if channel in self._fetched:
            return f"{tenant} {recipient}{_THEN}{address}"
        destination = self._destinations.get(channel)
        return tenant if destination is None else f"{tenant} {_read(destination, address)}"


def is_fetched(channel: object) -> bool:
    """Whether what goes out on this channel is fetched there, and not sent."""
    return bool(getattr(channel, "fetched", False))


def reach(tenant: str, recipient: str | None, address: str | None) -> tuple[str, str]:
    """The lanes of what is fetched, for all of a tenant, a recipient, or one of their addresses: from the first up to
    the second, which is without, compared byte by byte."""
    if recipient is None:
        begins = f"{tenant} "
    elif address is None:
        begins = f"{tenant} {recipient}{_THEN}"
    else:
        begins = f"{tenant} {recipient}{_THEN}{address}"
        return begins, begins + "\x01"
    return begins, begins[:-1] + chr(ord(begins[-1]) + 1)


def _read(destination: Destination, address: str) -> str:
    """An address that a channel cannot read has a lane of its own: sending to it says what is wrong with it."""
    try:
        return destination(address)
    except Exception:  # noqa: BLE001 - a channel's code must not keep the others from being told
        return address
