"""Deliveries that an operator chose by a filter, to be replayed or cancelled: that set, and nothing else. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from clarion import clock
from clarion.delivery import State

Verb = Literal["replay", "cancel"]

MOST = 100_000  # deliveries in one selection
LASTS = timedelta(hours=1)  # for so long it may be confirmed
SAMPLE = 3
CANCELLED = "operator"  # the code of what was cancelled by a selection

# Why what was chosen stays as it is. The first few: it would only be suppressed when its turn comes.
REFUSALS: Mapping[str, str] = {
    "address_gone": "the address is dead: revive it first (clarion addresses revive ID), or write another",
    "address_removed": "the address was removed from the recipient",
    "withdrawn": "what it was about was withdrawn",
    "resolved": "the condition that it told of has ended",
    "expired": "the event has expired",
    "past_max_age": "it is older than its type's max_age",
    "being_cancelled": "it is being sent, and was cancelled meanwhile: this attempt is its last",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Chosen deliveries of one channel that stand alike. `refused`: why they stay so, one of `REFUSALS`.

    `sample`: the newest few of them.
    """

    channel: str
    state: State
    code: str | None
    refused: str | None
    number: int
    sample: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`number`: of its members; `more`: there were others, beyond what one selection takes. `groups`: all that was looked
    at, also what is no member.

    Once confirmed: `done`, and `left_alone`, for they had changed since. What was being sent when it was cancelled is
    done, but may have been sent all the same.
    """

    id: UUID
    verb: Verb
    filter: Mapping[str, Any]
    number: int
    more: bool
    groups: tuple[Group, ...]
    by: str
    created_at: datetime
    expires_at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    done: int = 0
    left_alone: int = 0
    finished_at: datetime | None = None

    @property
    def state(self) -> Literal["previewed", "expired", "running", "finished"]:
        if self.finished_at is not None:
            return "finished"
        if self.confirmed_at is not None:
            return "running"
        return "previewed" if clock.now() < self.expires_at else "expired"

    @property
    def excluded(self) -> dict[str, int]:
        """How many that were chosen are no members, by reason."""
        found: dict[str, int] = {}
        for group in self.groups:
            if group.refused is not None:
                found[group.refused] = found.get(group.refused, 0) + group.number
        return found
