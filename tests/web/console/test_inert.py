"""Whatever an event says of itself, its page has the elements of any other: a text never becomes one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from clarion import Clarion
from clarion.templates.plain import one_line
from tests.support.html import Element
from tests.support.payloads import PAYLOADS
from tests.support.working import emit
from tests.web.console.conftest import Visitor

pytestmark = pytest.mark.anyio

NAMES = [one_line(text, 200).strip() or "empty" for text in PAYLOADS]
FIELDS = ("actor", "subject", "thread", "topic")


def skeleton(page: Element) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes, and whatever a script could be put into."""
    return [(one.tag, tuple(sorted(one.attributes))) for one in page]


def addressed(page: Element) -> set[str]:
    """With what the addresses on a page begin."""
    said = [one.get("href") or one.get("action") or "" for one in page]
    return {text.partition("/")[0] for text in said if not text.startswith("#")}


async def test_single_values_stay_text(console: Visitor, clarion: Clarion) -> None:
    plain = emitted(clarion, dict.fromkeys(FIELDS, "plain"), "plain key", "plain condition", {"a": "b"})
    expected = skeleton(await console.get(f"/events/{plain}"))
    assert len(expected) > 50
    for n in range(0, len(NAMES), 4):
        values = dict(zip(FIELDS, NAMES[n : n + 4], strict=True))
        event = emitted(
            clarion, values, f"{n}{NAMES[n]}", f"{n}{NAMES[n + 1]}", {PAYLOADS[n]: PAYLOADS[n + 2]}
        )
        page = await console.get(f"/events/{event}")
        assert skeleton(page) == expected, values
        assert addressed(page) == {""}, values
        shown = "".join(page.one("main")._text().split())
        assert all("".join(text.split()) in shown for text in values.values())


def emitted(clarion: Clarion, values: dict[str, Any], key: str, condition: str, data: dict[str, str]) -> UUID:
    return emit(
        clarion,
        "note",
        to=["bob"],
        key=key,
        condition=condition,
        correlation_id=values["actor"],
        tags=[values["subject"]],
        url="/" + values["thread"].lstrip("/\\"),
        data=data,
        **values,
    )
