"""The plugin for pytest: the fixture `clarion_test`, and the one by which a project says what it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this in every project where Clarion is installed
    from clarion.app import Clarion
    from clarion.testing.testing import Testing


@pytest.fixture
def clarion_application() -> Clarion | None:
    """The application's Clarion, which `clarion_test` uses. Written anew in a project's conftest.py."""
    return None


@pytest.fixture
def clarion_test(clarion_application: Clarion | None) -> Iterator[Testing]:
    """Clarion in the process of this test: see `clarion.testing.Testing`."""
    from clarion.testing.testing import Testing

    with Testing(clarion_application) as testing:
        yield testing
