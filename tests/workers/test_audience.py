"""The order in which sources are walked, and that each of them is walked once."""

from __future__ import annotations

import pytest

from clarion import Active, Address, Everyone, InvalidInput, Role
from clarion.circumstances import Candidate
from clarion.workers.audience import Crowd, Topic, candidates, entries, page, ranked

ADMINS, SEEN = Role("admin"), Active(days=30)


def test_the_strongest_reason_first_and_those_named_before_crowds() -> None:
    sources = ranked(
        [
            ("subscribed", ["eve"]),
            ("direct", [ADMINS, "bob", Address("email", "x@y.test")]),
            ("team", ["carol", "bob"]),
            ("mention", [SEEN]),
            ("author", ["carol"]),
        ]
    )
    assert list(entries(sources, "repo")) == [
        Crowd("mention", SEEN),
        Candidate("carol", "author"),
        Candidate("bob", "direct"),
        Candidate("email:x@y.test", "direct", Address("email", "x@y.test")),
        Crowd("direct", ADMINS),
        Candidate("eve", "subscribed"),
        Crowd("subscribed", Topic("repo")),
    ]


def test_a_group_is_walked_once_for_its_strongest_reason() -> None:
    sources = ranked([("direct", [ADMINS, Everyone(), ADMINS]), ("reviewer", [Role("admin")])])
    assert list(entries(sources)) == [Crowd("reviewer", ADMINS), Crowd("direct", Everyone())]


def test_a_page_ends_at_a_crowd() -> None:
    walked = entries(ranked([("author", ["a", "b", "c"]), ("direct", [ADMINS]), ("subscribed", ["d"])]))
    pages = [page(walked, 2) for _ in range(4)]
    assert [[c.recipient for c in told] for told, _ in pages] == [["a", "b"], ["c"], ["d"], []]
    assert [crowd for _, crowd in pages] == [None, Crowd("direct", ADMINS), None, None]


def test_those_named_alone() -> None:
    assert [c.recipient for c in candidates([("direct", ["a", ADMINS, "b", "a"])])] == ["a", "b"]


def test_a_resolver_cannot_name_groups_without_end() -> None:
    with pytest.raises(InvalidInput, match="the audience names 101 groups, at most 100"):
        list(entries([("direct", [Role(f"team-{n}") for n in range(101)])]))
