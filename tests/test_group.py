"""Groups as values: what may stand in one, how it is called, and that it comes back as it was stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import InvalidInput
from clarion.group import LONGEST, Active, Everyone, Group, Role, group_from_json, group_json

roles = st.builds(Role, st.text(min_size=1).filter(str.strip))
spans = st.timedeltas(timedelta(microseconds=1), LONGEST)
groups = roles | st.builds(lambda span: Active(within=span), spans) | st.just(Everyone())


@given(groups)
def test_a_group_comes_back_as_it_was_stored(group: Group) -> None:
    assert group_from_json(json.loads(json.dumps(group_json(group)))) == group


@given(groups, groups)
def test_no_two_groups_are_called_the_same(one: Group, other: Group) -> None:
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize(
    ("group", "called"),
    [
        (Role("admin"), "role admin"),
        (Active(days=30), "active in 30 days"),
        (Active(days=1), "active in 1 day"),
        (Active(within=timedelta(hours=36)), "active in 1 day, 12:00:00"),
        (Everyone(), "everyone"),
    ],
)
def test_a_group_is_called_as_people_would(group: Group, called: str) -> None:
    assert str(group) == called


def test_days_are_another_spelling_of_a_span() -> None:
    assert Active(days=0.5) == Active(within=timedelta(hours=12))
    assert hash(Active(days=1)) == hash(Active(within=timedelta(hours=24)))


@pytest.mark.parametrize("name", ["", " ", None, 7, b"admin", ["admin"]])
def test_a_role_is_a_text(name: Any) -> None:
    with pytest.raises(InvalidInput, match="a role must be a text that is not empty, got"):
        Role(name)


@pytest.mark.parametrize(
    "days", [0, -1, 3651, 10**400, float("nan"), float("inf"), True, "30", timedelta(), timedelta(days=4000)]
)
def test_active_is_about_a_time_that_makes_sense(days: Any) -> None:
    with pytest.raises(InvalidInput, match="above nothing and at most 3650 days; got"):
        Active(days=days)


def test_active_takes_one_of_its_two_spellings() -> None:
    for given_ in ({}, {"days": 1, "within": timedelta(days=1)}):
        with pytest.raises(InvalidInput, match=r"Active takes either days or within: Active\(days=30\)"):
            Active(**given_)  # type: ignore[arg-type]
