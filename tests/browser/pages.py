"""What a browser test looks at, and waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

PATIENCE = 15.0


def titles(page: Any) -> list[str]:
    """Of the rows shown, from the top."""
    found: list[str] = page.locator(".row .title").all_text_contents()
    return found


def row(page: Any, title: str) -> Any:
    return page.locator(".row").filter(has=page.get_by_text(title, exact=True)).first


def await_that(page: Any, condition: Callable[[], bool], what: str, *, within: float = PATIENCE) -> float:
    """Until it holds; the seconds that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise AssertionError(f"not within {within} s: {what}")
        page.wait_for_timeout(10)
    return time.monotonic() - began


def await_titles(page: Any, wanted: Sequence[str], *, within: float = PATIENCE) -> float:
    try:
        return await_that(page, lambda: titles(page) == list(wanted), f"rows {wanted}", within=within)
    except AssertionError:
        raise AssertionError(f"not within {within} s: {wanted}; shown: {titles(page)}") from None


def states(page: Any, element: str = "clarion-inbox") -> set[str]:
    """Which of these custom states the element is in."""
    names = ["loading", "empty", "error", "offline", "stale"]
    return set(
        page.locator(element).first.evaluate(
            "(element, names) => names.filter((name) => element.matches(`:state(${name})`))", names
        )
    )


def focused(page: Any) -> str:
    """What has the focus, inside shadow roots: the title of a row, or its text."""
    found: str = page.evaluate(
        """() => {
            let at = document.activeElement;
            while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
            return at?.querySelector?.('.title')?.textContent ?? at?.getAttribute?.('aria-label') ?? at?.textContent ?? '';
        }"""
    )
    return found


def streaming(page: Any, backend: Any, count: int = 1) -> None:
    await_that(
        page, lambda: backend.streams["open"] == count, f"{count} streams; open: {backend.streams['open']}"
    )
