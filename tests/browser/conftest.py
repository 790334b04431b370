"""One Chromium for this folder, a fresh context for each test, and a back end that does what it is told."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.backend import Backend

CHROMIUM = Path(os.environ.get("CLARION_TEST_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_recipients = itertools.count(1)


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI runs every test: {what}", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Of this folder only: while it is open, nothing else in this process may run an event loop."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is missing: pip install playwright")
    if not CHROMIUM.exists():
        _missing(f"{CHROMIUM} is missing: apt-get install chromium, or name another in CLARION_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture(scope="package")
def _service() -> Iterator[Backend]:
    service = Backend()
    service.start()
    yield service
    service.stop()


@pytest.fixture
def backend(_service: Backend) -> Backend:
    """The service, as it should be: no faults, nothing counted, no stream of a page that was closed just now."""
    _service.drop_streams()
    deadline = time.monotonic() + 20
    while _service.streams["open"]:
        assert time.monotonic() < deadline, f"{_service.streams['open']} streams stay open"
        time.sleep(0.005)
    for told in (_service.fails, _service.slow, _service.refused, _service.requests):
        told.clear()
    _service.closed = False
    _service.retry_after = None
    _service.token_life = 600.0
    _service.streams["ever"] = 0
    return _service


@pytest.fixture
def recipient() -> str:
    return f"recipient-{next(_recipients)}"


@pytest.fixture
def inbox(backend: Backend, recipient: str) -> Any:
    return backend.inbox(recipient)


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(
        viewport={"width": 900, "height": 760},
        timezone_id="Europe/Berlin",
        locale="en-GB",
        reduced_motion="reduce",
    )
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def show(backend: Backend, recipient: str, context: Any) -> Callable[..., Any]:
    """Opens a page with an element, `inbox`, `bell` or `preferences`, for this recipient."""

    def opened(
        element: str = "inbox",
        attributes: str = "",
        *,
        page: Any = None,
        inside: str = "",
        token_url: bool = True,
        **rest: Any,
    ) -> Any:
        page = page or context.new_page()
        tag = f"clarion-{element}"
        if token_url:
            attributes += f' token-url="/token/{recipient}"'
        body = f"<{tag} {attributes}>{inside}</{tag}>"
        page.goto(backend.page(body, **rest))
        return page

    return opened
