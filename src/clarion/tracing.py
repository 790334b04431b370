"""Spans of what Clarion does, from emit to settle, across processes: see `docs/tracing.md`.

Needs `opentelemetry-api` (`clarion[tracing]`), and a tracer provider that the application has set. Without either no
span is made, and `ON` says so: it is all that a hot path asks.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Protocol, Self
from uuid import UUID

try:
    from opentelemetry import context, trace
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True

    # Not the global propagator: baggage is the application's own, and has no bound.
    _WIRE = TraceContextTextMapPropagator()
    _TRACER: Tracer = trace.NoOpTracer()

ON = False  # since somebody takes spans, which is never taken back

Carrier = Mapping[str, str]  # `traceparent` and perhaps `tracestate`, as W3C Trace Context has them


class _Event(Protocol):
    @property
    def id(self) -> UUID: ...

    @property
    def type(self) -> str: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def trace_context(self) -> Carrier | None: ...


def look() -> bool:
    """Whether spans are taken; looks anew as long as they were not."""
    global ON, _TRACER
    if INSTALLED and not ON:
        provider = trace.get_tracer_provider()
        if not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
            _TRACER, ON = provider.get_tracer("clarion"), True
    return ON


def here() -> dict[str, str]:
    """`trace_id` and `span_id` of the current span, as in `traceparent`; nothing without one."""
    if not INSTALLED or not (found := trace.get_current_span().get_span_context()).is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(found.trace_id),
        "span_id": trace.format_span_id(found.span_id),
    }


class Taken:
    """A span that is being taken, and the current one meanwhile unless `apart`. Entered and left in one context."""

    __slots__ = ("_apart", "_span", "_token")

    def __init__(self, span: Span, *, apart: bool = False) -> None:
        self._span, self._apart = span, apart

    def __enter__(self) -> Self:
        if not self._apart:
            self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            self.failed(error.__cause__ or error)
        if not self._apart:
            context.detach(self._token)
        self._span.end()

    @property
    def carrier(self) -> Carrier:
        """What another process goes on with."""
        carrier: dict[str, str] = {}
        _WIRE.inject(carrier, trace.set_span_in_context(self._span))
        return carrier

    def say(self, name: str, value: str) -> None:
        self._span.set_attribute(name, value)

    def failed(self, error: BaseException, code: str | None = None) -> None:
        """Without the error's message, which may name an address: the log has it, and the record of attempts."""
        if not self._span.is_recording():
            return
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        self._span.set_attribute("error.type", code or kind)
        self._span.set_status(StatusCode.ERROR, code or kind)
        stack = "".join(traceback.format_tb(error.__traceback__))
        self._span.add_event("exception", {"exception.type": kind, "exception.stacktrace": stack})


Spanned = AbstractContextManager[Taken | None]


# ── What is done ─────────────────────────────────────────────────────────────────────────────────────────


def emitting(events: Sequence[_Event]) -> Spanned:
    """Of one call: its context goes with each of its events."""
    if not look() or not events:
        return nullcontext()
    types = {event.type for event in events}
    said = _messaging("emit", "send", types.pop() if len(types) == 1 else None)
    said |= _about(events[0]) if len(events) == 1 else {"messaging.batch.message_count": len(events)}
    return Taken(_start(said, SpanKind.PRODUCER, None))


def deciding(pages: Iterable[tuple[_Event, int]]) -> AbstractContextManager[object]:
    """Of a page of each of these events, with how many recipients, decided on together."""
    if not look():
        return nullcontext()
    together = ExitStack()
    for event, recipients in pages:
        said = _messaging("fan-out", "process", event.type) | _about(event)
        said["clarion.recipients"] = recipients
        together.enter_context(
            Taken(_start(said, SpanKind.CONSUMER, _remote(event), _links(event)), apart=True)
        )
    return together


def calling(name: str, event: _Event) -> Spanned:
    """Of a call of the application's code about an event: `resolve`, or `access`."""
    if not look():
        return nullcontext()
    said = {"messaging.operation.name": name} | _about(event)
    return Taken(_start(said, SpanKind.INTERNAL, _remote(event)))


def sending(event: _Event, channel: str, delivery: UUID, attempt: int) -> Taken:
    """Of one attempt. Only where `ON`."""
    said = _messaging("send", "send", channel) | _about(event)
    said |= {
        "messaging.message.id": str(delivery),
        "clarion.delivery.id": str(delivery),
        "clarion.channel": channel,
        "clarion.attempt": attempt,
    }
    return Taken(_start(said, SpanKind.CLIENT, _remote(event)))


def settling(channel: str, events: Iterable[_Event | None]) -> Spanned:
    """Of a batch: one for each of its deliveries; linked to where the events were emitted, each once."""
    if not look():
        return nullcontext()
    found = list(events)
    said = _messaging("settle", "settle", channel) | {"clarion.channel": channel}
    said["messaging.batch.message_count"] = len(found)
    emitted = {event.id: event for event in found if event is not None}
    links = [link for event in emitted.values() for link in _links(event)]
    return Taken(_start(said, SpanKind.CLIENT, Context(), links))


# ── Making them ──────────────────────────────────────────────────────────────────────────────────────────


def _messaging(operation: str, kind: str, destination: str | None) -> dict[str, Any]:
    """By the semantic conventions of OpenTelemetry for messaging."""
    said = {
        "messaging.system": "clarion",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
    }
    return said if destination is None else said | {"messaging.destination.name": destination}


def _about(event: _Event) -> dict[str, Any]:
    return {
        "messaging.message.id": str(event.id),
        "messaging.message.conversation_id": event.correlation_id,
        "clarion.event.id": str(event.id),
        "clarion.event.type": event.type,
    }


def _start(
    said: Mapping[str, Any], kind: SpanKind, within: Context | None, links: Sequence[Link] = ()
) -> Span:
    """A span named as the conventions have it; without `within`, part of the current one."""
    destination = said.get("messaging.destination.name", said.get("clarion.event.type", ""))
    return _TRACER.start_span(
        f"{said['messaging.operation.name']} {destination}".strip(),
        context=within,
        kind=kind,
        attributes=said,
        links=links,
    )


def _remote(event: _Event) -> Context:
    """Where the event was emitted; a trace of its own where nobody took spans."""
    return _WIRE.extract(event.trace_context or {}, Context())


def _links(event: _Event) -> list[Link]:
    found = trace.get_current_span(_remote(event)).get_span_context()
    return [Link(found, {"clarion.event.id": str(event.id)})] if found.is_valid else []
