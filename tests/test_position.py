"""Where a search goes on, as text: read back as it was written, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from clarion import InvalidInput
from clarion.position import Position, parse

ID = UUID("0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d")


@pytest.mark.parametrize(
    "position",
    [
        Position(id=ID),
        Position(id=ID, at=datetime(2026, 3, 1, 2, 3, 4, 567891, tzinfo=UTC)),
        Position(id=ID, at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        Position(id=UUID(int=0), place=ID),
        Position(id=ID, recipient="böb of a.test"),
    ],
)
def test_it_is_read_back_as_it_was_written(position: Position) -> None:
    assert parse(position.text()) == position


def said(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ü",
        "====",
        said(),
        said(ID.hex),
        said(None, None, None, None),
        said("0", None, None, None),
        said(ID.hex, "now", None, None),
        said(ID.hex, 10**30, None, None),
        said(ID.hex, float("nan"), None, None),
        said(ID.hex, None, 7, None),
        said(ID.hex, None, None, ""),
        said(ID.hex, None, None, "\ud800"),
        said(ID.hex, None, None, "a\0b"),
        said(ID.hex, None, None, 7),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="none of this search"):
        parse(text)
