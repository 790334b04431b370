"""What somebody was told: a message that a recorder took, or an item in an inbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion.event import Event
from clarion.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Told:
    """One message to one recipient on one channel, in the words in which it went out.

    `id`: the delivery's, the same at every attempt; in the inbox, the item's. `title`: a mail's subject line.
    `address`: `None` in the inbox. `at`: on the clock of the test.
    """

    id: UUID
    recipient: str
    type: str
    channel: str
    address: str | None
    title: str
    text: str
    html: str | None
    url: str | None
    reason: str
    severity: Severity
    locale: str
    attempt: int
    at: datetime
    event: Event

    @property
    def data(self) -> Mapping[str, Any]:
        """The event's."""
        return self.event.data

    def __str__(self) -> str:
        return f"{self.recipient} of {self.type} on {self.channel}: {self.title!r}"

    def __repr__(self) -> str:
        """Short, for a mail's HTML would hide what an assertion has to say."""
        return f"<Told {self}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of all that was told is meant; what is `None` may be anything."""

    recipient: str | None = None
    type: str | None = None
    channel: str | None = None
    event: UUID | None = None

    def of(self, told: Iterable[Told]) -> list[Told]:
        return [one for one in told if self._means(one)]

    def _means(self, told: Told) -> bool:
        return (
            self.recipient in (None, told.recipient)
            and self.type in (None, told.type)
            and self.channel in (None, told.channel)
            and self.event in (None, told.event.id)
        )

    def __str__(self) -> str:
        """What follows after `bob was told`: ` of cl.merged on email`."""
        of = "" if self.type is None else f" of {self.type}"
        of += "" if self.event is None else f" (event {self.event})"
        return of + ("" if self.channel is None else f" on {self.channel}")
