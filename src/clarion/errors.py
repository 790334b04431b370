"""Every error that Clarion raises.

ClarionError
├── InvalidInput            a value that cannot be accepted; the message names it and the remedy
│   ├── UnknownName         an unknown type, channel, field or setting, with the nearest known one
│   └── NotFound            nothing of this id is there, for this tenant
├── NotAllowed              whoever asks may not do this
├── Conflict                an idempotency key that already stands for another event
├── LeaseLost               a claim that is over: its lease ended, or it came to something else
├── ConfigError             settings or declarations that contradict each other
├── NotMigrated             the database lacks a migration, or has one from a newer Clarion
├── HostTransaction         the caller's own transaction cannot take the event
└── SendError               what a channel says of one attempt
    ├── Retry               not now; try again, not before `after`
    ├── Reject              never: this message is refused
    ├── Gone                never: this address is dead
    └── Down                the provider was out of reach before this message's bytes left
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from datetime import timedelta

DETAIL_LIMIT = 500
NAME_LIMIT = 80

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = NAME_LIMIT


def shown(value: object) -> str:
    """`value` as a message shows it: bounded, whatever its size, depth or type."""
    try:
        return _repr.repr(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return f"a very large {type(value).__name__}"


def said(error: BaseException) -> str:
    """What an exception says, with its name, as it can be stored and logged; also of one that cannot say it."""
    try:
        return storable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    except Exception:  # noqa: BLE001 - an exception of the application's, whose __str__ raises
        return type(error).__name__


def storable(text: str) -> str:
    """`text` as every database takes it: bounded, without NUL and lone surrogates."""
    bounded = text[:DETAIL_LIMIT].replace("\0", "\\x00")
    return bounded.encode("utf-8", "backslashreplace").decode("utf-8")[:DETAIL_LIMIT]


class ClarionError(Exception):
    """The base of all errors of Clarion."""


class InvalidInput(ClarionError, ValueError):
    """A value that cannot be accepted. Nothing was stored."""


class UnknownName(InvalidInput):
    """A name that nobody declared. `nearest` is the known name it resembles most, if any."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        name = name if len(name) <= NAME_LIMIT else f"{name[:NAME_LIMIT]}…"
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        self.nearest = close[0] if close else None
        if self.nearest:
            remedy = f"did you mean {self.nearest!r}?"
        elif names:
            remedy = f"known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
        else:
            remedy = f"no {kind} is declared yet"
        super().__init__(f"unknown {kind} {name!r}; {remedy}")


class NotFound(InvalidInput):
    """An id of nothing that this tenant has."""


class NotAllowed(ClarionError):
    """Whoever asks may not do this; somebody else may."""


class Conflict(ClarionError):
    """The key was used before for an event with another body. The transaction is alive."""


class LeaseLost(ClarionError):
    """The claim is over, and what it came to changes nothing. Claim again."""


class ConfigError(ClarionError):
    """Settings or declarations that cannot work, found when they are made."""


class NotMigrated(ClarionError):
    """The database's schema is not the one that this version of Clarion needs."""


class HostTransaction(ClarionError):
    """The caller's transaction cannot take the event; the message says how to begin one that can."""


class SendError(ClarionError):
    """An attempt that did not end in success.

    `code` is short and from a small set (it becomes a metric label); `detail` is for people, and bounded.
    """

    def __init__(self, code: str, detail: str = "", *, after: timedelta | None = None) -> None:
        self.code = storable(code)
        self.detail = storable(detail)
        self.after = after
        super().__init__(f"{code}: {self.detail}" if detail else code)


class Retry(SendError):
    """Not now. With the code `unknown_outcome` the other side may have taken the message."""


class Reject(SendError):
    """This message will never be taken."""


class Gone(SendError):
    """This address is dead: no later message need try it."""


class Down(SendError):
    """The provider could not be reached, or refused everybody, before this message's bytes left."""
