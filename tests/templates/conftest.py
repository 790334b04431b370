"""A directory of an application's templates, and a way to write one event in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from clarion import event as events
from clarion.event_type import EventType
from clarion.message import Content
from clarion.severity import Severity
from clarion.templates import Renderer

COMMENT = EventType(code="cl.comment.created", description="Comment created")


@pytest.fixture
def directory(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Writes these files, `{path: text}`, and answers where."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.fixture
def write() -> Callable[..., Content]:
    """The content of a new event of these fields."""

    def content(
        renderer: Renderer | None = None,
        *,
        type: EventType = COMMENT,
        channel: str = "email",
        reason: str = "mention",
        locale: str = "en",
        severity: Severity = Severity.INFO,
        **fields: Any,
    ) -> Content:
        known = {"actor": "alice", "subject": "cl/42", "url": "/cl/42#c7"} | fields
        event = events.make(type.code, cast(events.EventFields, known))
        return (renderer or Renderer(base_url="https://acme.test")).render(
            event, type, channel=channel, reason=reason, locale=locale, severity=severity
        )

    return content
