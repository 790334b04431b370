from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from clarion import clock, ids

times = st.integers(0, 2**48 - 1)
randoms = st.integers(0, 2**80 - 1)


def test_the_vector_of_rfc_9562_appendix_a_6() -> None:
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    made = ids.from_parts(0x017F22E279B0, rand_a << 62 | rand_b)
    assert made == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(times, randoms)
def test_version_variant_and_time_are_where_the_rfc_puts_them(milliseconds: int, random: int) -> None:
    made = ids.from_parts(milliseconds, random)
    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == milliseconds


@given(times, times, randoms, randoms)
def test_ids_sort_by_time(one: int, other: int, random: int, another: int) -> None:
    first, second = ids.from_parts(one, random), ids.from_parts(other, another)
    if one != other:
        assert (one < other) == (first < second) == (str(first) < str(second)) == (first.bytes < second.bytes)


@given(times, randoms)
def test_all_74_random_bits_count(milliseconds: int, random: int) -> None:
    made = ids.from_parts(milliseconds, random)
    for bit in range(74):
        assert ids.from_parts(milliseconds, random ^ 1 << bit) != made


def test_a_new_id_is_of_now_and_unique() -> None:
    before = int(clock.now().timestamp() * 1000)
    made = {ids.uuid7() for _ in range(1000)}
    after = int(clock.now().timestamp() * 1000)
    assert len(made) == 1000
    assert all(before <= each.int >> 80 <= after for each in made)


def test_ids_travel_with_the_clock(travel: Callable[[timedelta], None]) -> None:
    before = ids.uuid7()
    travel(timedelta(days=1))
    assert 86_400_000 <= (ids.uuid7().int >> 80) - (before.int >> 80) < 86_500_000


def test_several_at_once_are_unique_and_follow_one_another() -> None:
    before = ids.uuid7()
    made = ids.several(10_000)
    assert [before, *made] == sorted({before, *made})
    assert ids.uuid7() > made[-1]
    assert {each.version for each in made} == {7}
    assert {each.variant for each in made} == {RFC_4122}
    assert len({each.int & (1 << 62) - 1 for each in made}) == len(made), "the tail of each is random"
    assert ids.several(0) == []
