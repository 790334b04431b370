"""Who is told: a recipient, their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from clarion.quiet_hours import QuietHours
from clarion.tag_filter import TagFilter

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)  # the end of what has none


class Recipient(NamedTuple):
    """A person, or a team's channel. Without a row in the database it is `known=False`.

    A tuple, as all that is made for each delivery anew: see `delivery.Claim`.
    """

    id: str
    name: str | None = None
    locale: str | None = None
    time_zone: str = "UTC"
    active: bool = True
    enabled: bool = True  # the global switch: off leaves required types only
    known: bool = True
    silent_until: datetime | None = None  # nothing but required types before
    quiet_hours: QuietHours | None = None
    tags: TagFilter | None = None


STANDING = slice(3, None)  # of a recipient: what bears on decisions, and which many share


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


class StoredAddress(NamedTuple):
    """An address of a recipient as the database knows it; `gone` when the other side said it is dead."""

    id: UUID
    channel: str
    value: str
    locale: str | None = None
    gone: bool = False
