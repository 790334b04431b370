"""What can be counted of Clarion, and how its log reads as JSON.

Counting needs `prometheus_client` (`clarion[metrics]`); without it nothing is counted. No label is unbounded: event
types and channels are declared, gates and results are few, and codes that are not well known become `other`.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from clarion import tracing

try:
    from prometheus_client import Counter, Histogram
except ImportError:
    COUNTING = False
else:
    COUNTING = True

    # One set for the process, in its registry: an application that serves metrics of its own serves these, too.
    _EVENTS = Counter("clarion_events_emitted", "Events emitted, each once.", ["type"])
    _DECISIONS = Counter(
        "clarion_decisions", "What fan-out decided for channels.", ["channel", "gate", "verdict"]
    )
    _DELIVERIES = Counter("clarion_deliveries", "Deliveries that came to an end.", ["channel", "result"])
    _ATTEMPTS = Counter("clarion_attempts", "Attempts that ended.", ["channel", "result", "code"])
    _LEASES_LOST = Counter("clarion_leases_lost", "Leases lost before the outcome was written.", ["channel"])
    _LATENESS = Histogram(
        "clarion_delivery_seconds",
        "From when a delivery was due first until it was sent.",
        ["channel"],
        buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600),
    )
    _PAUSES = Counter("clarion_pauses_begun", "Pauses begun because a provider was down.", ["channel"])
    _HOOKS = Counter("clarion_hook_calls", "Calls of the application's hooks.", ["hook", "result"])

CODES = frozenset(
    {
        "auth",
        "connect",
        "connection_lost",
        "dns",
        "error",
        "fetched",
        "invalid_address",
        "invalid_content",
        "lease_lost",
        "protocol",
        "render",
        "smtputf8",
        "timeout",
        "tls",
        "too_large",
        "unknown_outcome",
    }
)
_ANSWER = re.compile(r"(smtp|http)_([1-5])\d\d")


def code_of(code: str | None) -> str:
    """A code as a label: itself if it is well known, such as `smtp_4xx` for an answer, `other` for any other."""
    if not code or code in CODES:
        return code or ""
    answer = _ANSWER.fullmatch(code)
    return f"{answer[1]}_{answer[2]}xx" if answer else "other"


# ── Counting ─────────────────────────────────────────────────────────────────────────────────────────────


def emitted(number_of: Mapping[str, int]) -> None:
    """So many events of each type."""
    if COUNTING:
        for type, number in number_of.items():
            _EVENTS.labels(type).inc(number)


def decided(number_of: Mapping[tuple[str, str, str], int]) -> None:
    """So many decisions, each (channel, gate or `none`, verdict)."""
    if COUNTING:
        for labels, number in number_of.items():
            _DECISIONS.labels(*labels).inc(number)


def attempted(number_of: Mapping[tuple[str, str, str | None], int]) -> None:
    """So many attempts, each (channel, result, code)."""
    if COUNTING:
        for (channel, result, code), number in number_of.items():
            _ATTEMPTS.labels(channel, result, code_of(code)).inc(number)


def ended(number_of: Mapping[tuple[str, str], int]) -> None:
    """So many deliveries, each (channel, final result)."""
    if COUNTING:
        for labels, number in number_of.items():
            _DELIVERIES.labels(*labels).inc(number)


def sent_after(channel: str, since_due: Iterable[timedelta]) -> None:
    """How long after each was due."""
    if COUNTING:
        lateness = _LATENESS.labels(channel)
        for late in since_due:
            lateness.observe(max(0.0, late.total_seconds()))


def leases_lost(channel: str, number: int) -> None:
    if COUNTING:
        _LEASES_LOST.labels(channel).inc(number)


def paused(channel: str) -> None:
    """A provider was found down; lanes are counted by their channel."""
    if COUNTING:
        _PAUSES.labels(channel).inc()


def hooked(hook: str, result: str, number: int = 1) -> None:
    """Calls of a hook: `ok`, `error`, or `dropped` because too many were waiting."""
    if COUNTING:
        _HOOKS.labels(hook, result).inc(number)


# ── Logging ──────────────────────────────────────────────────────────────────────────────────────────────


class _Event(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def trace_context(self) -> tracing.Carrier | None: ...


def about(
    event: _Event | None = None, *, delivery: UUID | None = None, channel: str | None = None
) -> dict[str, str]:
    """The `extra` of a log record: what it is about, by the same names everywhere."""
    said = {} if event is None else {"event": str(event.id), "correlation_id": event.correlation_id}
    if event is not None and event.trace_context:
        said["trace_id"] = event.trace_context["traceparent"].split("-")[1]
    if delivery is not None:
        said["delivery"] = str(delivery)
    if channel is not None:
        said["channel"] = channel
    return said


ABOUT = ("event", "correlation_id", "delivery", "channel", "trace_id", "span_id")
AUDIT = ("tenant", "by", "verb", "on", "recipient")  # of a line of `clarion.audit`, beside its correlation id

_SPOKEN_OF: ContextVar[Callable[[], Mapping[str, str]] | None] = ContextVar("clarion", default=None)


class Meanwhile:
    """While it lasts, what is logged in this context is about that: the application's lines, too."""

    __slots__ = ("_say", "_token")

    def __init__(self, say: Callable[[], Mapping[str, str]]) -> None:
        """`say` is called for each line."""
        self._say = say

    def __enter__(self) -> None:
        self._token: Token[Callable[[], Mapping[str, str]] | None] = _SPOKEN_OF.set(self._say)

    def __exit__(self, *_: object) -> None:
        try:  # noqa: SIM105 - for each attempt: `suppress` would cost more than all the rest
            _SPOKEN_OF.reset(self._token)
        except ValueError:  # a coroutine that is thrown away is closed in another context
            pass


def _meanwhile() -> dict[str, str]:
    say = _SPOKEN_OF.get()
    return {**({} if say is None else say()), **tracing.here()}


class AboutFilter(logging.Filter):
    """Gives each record what it is `about`, for a formatter of one's own; refuses none.

    For a handler, not a logger: a logger's filter does not see what comes from the loggers below it. Where
    another thread formats, as behind a `QueueHandler`, it belongs to the handler that the lines come to first.
    """

    def __init__(self, default: str | None = "-") -> None:
        """`default`: what stands for the event and its correlation id where a line is about none; `None`: nothing."""
        super().__init__()
        self._none = {} if default is None else dict.fromkeys(("event", "correlation_id"), default)

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in {**self._none, **_meanwhile()}.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, what it is `about`, and an `error` with its trace."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        known = {**_meanwhile(), **record.__dict__}
        said |= {name: str(known[name]) for name in (*ABOUT, *AUDIT) if known.get(name) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            said["error"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(said)
