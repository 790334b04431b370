"""Who is told: a recipient, their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person, or a team's channel. Without a row in the database it is `known=False`."""

    id: str
    name: str | None = None
    locale: str | None = None
    time_zone: str = "UTC"
    active: bool = True
    enabled: bool = True  # the global switch: off leaves required types only
    known: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where on a channel: `Address("email", "a@b.test")`. In `to`, a person without an account."""

    channel: str
    value: str
    locale: str | None = None

    @property
    def recipient(self) -> str:
        """The recipient id that stands for a one-off address."""
        return f"{self.channel}:{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAddress:
    """An address of a recipient as the database knows it; `gone` when the other side said it is dead."""

    id: UUID
    channel: str
    value: str
    locale: str | None = None
    gone: bool = False
