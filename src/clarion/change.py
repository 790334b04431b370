"""What the change feed tells: something happened to an item, to a recipient's configuration, or to a delivery. Values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

from clarion.item import Item, Mark

Happened = Literal["created", "returned", "resolved", "withdrawn"]
CREATED: Final = "created"
RETURNED: Final = "returned"  # from being snoozed
RESOLVED: Final = "resolved"
WITHDRAWN: Final = "withdrawn"
CONFIGURED: Final = "configured"
DELIVERY: Final = "delivery."  # and its end

Kind = Happened | Mark
ENDS = ("sent", "failed", "suppressed", "cancelled")
KINDS: tuple[str, ...] = (
    *get_args(Happened),
    *get_args(Mark),
    CONFIGURED,
    *(DELIVERY + end for end in ENDS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`n` is its number in the feed, which all tenants share; for one of them there are gaps.

    `item`: the notification's, as it is when it is read; `None` if it is no longer to be seen. `delivery`, `channel`
    and `code`: of a delivery that has ended.
    """

    n: int
    at: datetime
    kind: str
    tenant: str
    recipient: str | None
    notification: UUID | None = None
    item: Item | None = None
    delivery: UUID | None = None
    channel: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Changes in their order; `upto` is the number to go on from.

    `reset`: what was asked for is no longer kept. Load anew what is shown, and go on from `upto`.
    """

    changes: Sequence[Change]
    upto: int
    reset: bool = False
