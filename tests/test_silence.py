"""Saying a silence: what is wrong with one is said before it is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clarion import clock
from clarion.errors import InvalidInput, UnknownName
from clarion.severity import Severity
from clarion.silence import Matches, make, parse, to_json

HOUR = timedelta(hours=1)


def said(**changed: Any) -> Any:
    fields = {"author": "ops", "comment": "drill", "starts": None, "until": clock.now() + HOUR, **changed}
    return make(fields.pop("matches", {"type": "ci.*"}), **fields)


def test_from_now_or_from_later() -> None:
    before = clock.now()
    now, later = said(), said(starts=before + HOUR / 2)
    assert before <= now.starts_at <= clock.now()
    assert later.starts_at == before + HOUR / 2
    assert (now.author, now.comment, now.matches) == ("ops", "drill", Matches(type="ci.*"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"until": clock.now() - HOUR}, "is over before it has begun"),
        ({"starts": clock.now() + 2 * HOUR}, "is over before it has begun"),
        ({"starts": clock.now() - 3 * HOUR, "until": clock.now() - HOUR}, "is over before it has begun"),
        ({"until": None}, "say until when"),
        ({"until": datetime(2030, 1, 1)}, "until must be an aware datetime"),  # noqa: DTZ001 - that is wrong
        ({"starts": "now"}, "starts must be an aware datetime"),
        ({"author": ""}, "author is empty"),
        ({"comment": None}, "comment must be text"),
        ({"matches": {}}, "must say what it is for"),
        ({"matches": {"type": 5}}, "type of a silence must be a text"),
    ],
    ids=range(10),
)
def test_what_is_wrong_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        said(**changed)


def test_unknown_parts_are_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="tipe"):
        said(matches={"tipe": "ci.*"})


def test_written_and_read_back() -> None:
    written = {"type": "ci.*", "recipient": "bob", "below": "urgent"}
    assert parse(written) == Matches(type="ci.*", recipient="bob", below=Severity.URGENT)
    assert to_json(parse(written)) == written
    assert said(until=datetime(2090, 1, 1, tzinfo=UTC)).ends_at.year == 2090
