"""Spans, kept where a test finds them: of this process, or in a file that outlives another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

Said = dict[str, Any]  # a span as JSON


class _To(SpanExporter):
    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._write(span.to_json(indent=None))
        return SpanExportResult.SUCCESS


def take(path: str) -> None:
    """Have all spans of this process written to a file, one a line, for good."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    trace.set_tracer_provider(provider(lambda line: os.write(file, f"{line}\n".encode())))


def provider(write: Callable[[str], object]) -> TracerProvider:
    """One that has each span written as it ends."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(_To(write)))
    return made


def taken(path: Path) -> list[Said]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def trace_of(span: Said) -> str:
    return str(span["context"]["trace_id"])


def parent_of(span: Said, among: Sequence[Said]) -> str | None:
    """The name of its parent, if that is here; its id, if it is not."""
    parent = span["parent_id"]
    return next((one["name"] for one in among if one["context"]["span_id"] == parent), parent)


def traces_linked(span: Said) -> set[str]:
    return {link["context"]["trace_id"] for link in span["links"]}
