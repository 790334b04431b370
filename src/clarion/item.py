"""What a recipient sees in an inbox, and what is to be seen there. Values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from clarion.event import Event
from clarion.severity import Severity
from clarion.tag_filter import matches

View = Literal["inbox", "unread", "unseen", "done", "saved", "snoozed"]
VIEWS: tuple[View, ...] = ("inbox", "unread", "unseen", "done", "saved", "snoozed")
IN_INBOX: tuple[View, ...] = ("inbox", "unread", "unseen")

# What a recipient does with an item; each has its reverse.
Mark = Literal[
    "seen",
    "unseen",
    "read",
    "unread",
    "done",
    "undone",
    "saved",
    "unsaved",
    "snoozed",
    "unsnoozed",
    "deleted",
    "undeleted",
]
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a recipient did with an item. It is in the inbox, done, or snoozed; whatever is read was seen."""

    seen_at: datetime | None = None
    read_at: datetime | None = None
    done_at: datetime | None = None
    saved_at: datetime | None = None
    snoozed_until: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def in_inbox(self) -> bool:
        return self.done_at is None and self.snoozed_until is None and self.deleted_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One notification as its recipient sees it. `resolved_at`: its condition has ended since.

    `place` is where it stands: the later it came, or came again, the higher.
    """

    id: UUID
    place: UUID
    event: Event
    reason: str
    severity: Severity
    created_at: datetime
    resolved_at: datetime | None
    state: State
    title: str = ""
    text: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The items of one thread, or one without a thread. `number` and `unread` are exact up to a hundred.

    `actors`: who did something in the newest of them, the latest first.
    """

    newest: Item
    number: int
    unread: int
    actors: Sequence[str]

    @property
    def thread(self) -> str | None:
        return self.newest.event.thread


@dataclass(frozen=True, slots=True)
class Page:
    """`next`: the cursor of what follows, if there may be anything. `through`: up to where this was read.

    A page may be shorter than asked for, even empty, and be followed by another, where a filter lets little pass.
    """

    items: Sequence[Item]
    next: str | None
    through: str


@dataclass(frozen=True, slots=True)
class Groups:
    """As `Page`."""

    groups: Sequence[Group]
    next: str | None
    through: str


@dataclass(frozen=True, slots=True)
class Marked:
    """An item that was changed, and its state since."""

    id: UUID
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCounts:
    """How many items there are. `total` is what is in the inbox, read or not; saved ones may be anywhere."""

    total: int
    unread: int
    unseen: int
    done: int
    saved: int
    snoozed: int
    unread_by_category: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items of a view are meant: all that is said must hold. `types`: of these; `tags`: with any of these tags,
    or of those that begin with what stands before a `*`."""

    types: frozenset[str] | None = None
    severity: Severity | None = None
    at_least: Severity | None = None
    tags: tuple[str, ...] = ()
    subject: str | None = None
    thread: str | None = None

    @property
    def asks_events(self) -> bool:
        """Whether an item's event must be read to know."""
        return self.types is not None or bool(self.tags) or self.subject is not None

    def passes(self, type: str, subject: str | None, tags: Sequence[str]) -> bool:
        """Whether an event passes what is asked of events."""
        return (
            (self.types is None or type in self.types)
            and (self.subject is None or subject == self.subject)
            and (not self.tags or any(matches(pattern, tag) for pattern in self.tags for tag in tags))
        )


ALL = Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A recipient's items in one view, those that pass a filter."""

    tenant: str
    recipient: str
    view: View = "inbox"
    filter: Filter = field(default=ALL)
