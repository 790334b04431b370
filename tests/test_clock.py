"""The clock: it travels, and it can be made to stand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from clarion import clock

HOUR = timedelta(hours=1)


@pytest.fixture
def still() -> Iterator[None]:
    clock.stand_still()
    yield
    clock.stand_still(False)


def test_it_goes_and_travels(travel: Callable[[timedelta], None]) -> None:
    before, monotonic = clock.now(), clock.monotonic()
    travel(HOUR)
    assert clock.now() >= before + HOUR
    assert clock.monotonic() >= monotonic + 3600
    assert clock.journey() == HOUR


def test_it_stands_and_travels(still: None, travel: Callable[[timedelta], None]) -> None:
    assert clock.stands_still()
    before, monotonic, begun = clock.now(), clock.monotonic(), time.monotonic()
    while time.monotonic() == begun:
        pass
    assert (clock.now(), clock.monotonic()) == (before, monotonic)
    travel(HOUR)
    assert (clock.now(), clock.monotonic()) == (before + HOUR, monotonic + 3600)


def test_let_go_it_is_where_all_clocks_are(still: None) -> None:
    stood = clock.now()
    clock.stand_still(False)
    assert not clock.stands_still()
    begun = time.monotonic()
    while time.monotonic() == begun:
        pass
    assert clock.now() > stood
