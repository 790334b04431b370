"""The console of a real service, with a worker beside it, and pages of a browser in which an operator is signed in.

One service for a module. A module that wants events in it makes a fixture `filled(clarion)` of its own, of scope module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clarion import Clarion
from clarion.web.settings import Settings, TokenSettings
from tests.web.conftest import SECRET
from tests.web.console.conftest import ALL
from tests.web.inbox import served

MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced-colours": {"forced_colors": "active"},
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "without-scripts": {"java_script_enabled": False},
}


@pytest.fixture(scope="module")
def clarion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clarion]:
    made = Clarion(f"sqlite:///{tmp_path_factory.mktemp('console') / 'clarion.db'}")
    made.migrate()
    made.type("note", channels=["inbox"], category="notes", description="Something was noted.")
    made.recipients.upsert("bob", name="Bob", addresses={}, time_zone="America/New_York")
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(clarion: Clarion) -> Iterator[str]:
    with served(clarion, Settings(tokens=TokenSettings(secret=SECRET))) as (found, _):
        yield found


@pytest.fixture(scope="module")
def signed_in(clarion: Clarion, url: str, browser: Any) -> Any:
    """The storage of a browser in which Olga has signed in, who may do everything."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/console/sign-in")
    page.get_by_label("Key").fill(clarion.keys.issue("olga", ALL).secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    state = context.storage_state()
    context.close()
    return state


Opener = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, signed_in: Any, url: str) -> Iterator[Opener]:
    """Opens a page of the console, in a context with these options (`color_scheme`, `viewport`, …)."""
    contexts: list[Any] = []

    def opened(path: str = "", **options: Any) -> Any:
        made = browser.new_context(
            **{
                "viewport": {"width": 1280, "height": 800},
                "timezone_id": "Europe/Berlin",
                "locale": "en-GB",
                "reduced_motion": "reduce",
                "storage_state": signed_in,
                **options,
            }
        )
        made.set_default_timeout(10_000)
        contexts.append(made)
        page = made.new_page()
        page.goto(f"{url}/console{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
