"""Where one can go: the parts of the console, in the order of the menu, each with the letter that follows `g`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CONSOLE = "/console"  # where it all is, below where the service is


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


def shown(at: str, may: Callable[[str], bool], url: Callable[[str], str]) -> list[Shown]:
    """What whoever asks may open; `at`: the page that they look at, below the console."""
    return [
        Shown(
            title=one.title,
            url=url(one.path),
            key=one.key,
            current=at == one.path or (bool(one.path) and at.startswith(one.path + "/")),
        )
        for one in MENU
        if may(one.scope)
    ]
