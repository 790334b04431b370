"""An application of one channel, on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from clarion import Clarion, Policy, Retries
from tests.support.working import Wire, limits

Make = Callable[..., Clarion]

SOON = Retries(waits=(timedelta(milliseconds=50), timedelta(milliseconds=100)), jitter=0.2)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Makes applications on one database, with a type `note` for `inbox` and `wire`, whether they have it or not."""
    made: list[Clarion] = []

    def application(*channels: Any, **limited: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits(**limited))
        made.append(clarion)
        clarion.type("note", channels=["inbox", "wire"], policy=Policy(retries=SOON))
        return clarion

    yield application
    for clarion in made:
        clarion.close()
