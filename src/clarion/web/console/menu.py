"""Where one can go: the parts of the console, in the order of the menu, each with the letter that follows `g`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clarion.web.console.page import Page


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    path: str
    key: str
    scope: str = "observe"


MENU = (
    Entry("Overview", "", "o"),
    Entry("Search", "/search", "s"),
    Entry("Failures", "/failures", "f"),
    Entry("Queue", "/queue", "q"),
    Entry("Recipients", "/recipients", "r"),
    Entry("Silences", "/silences", "x"),
    Entry("Event types", "/types", "t"),
    Entry("Templates", "/templates", "m"),
    Entry("Audit", "/audit", "u"),
    Entry("Keys", "/keys", "k", "keys"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    title: str
    url: str
    key: str
    current: bool


def shown(page: Page) -> list[Shown]:
    """What whoever asks may open; `current`: the part in which this page is."""
    at = page.request.url.path.partition("/console")[2]
    return [
        Shown(
            title=one.title,
            url=page.url(one.path),
            key=one.key,
            current=at == one.path or (bool(one.path) and at.startswith(one.path + "/")),
        )
        for one in MENU
        if page.may(one.scope)
    ]
