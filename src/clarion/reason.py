"""Why somebody is told, and which reason wins when there are several."""

from __future__ import annotations

# Strongest first: from "it is about you" to "you follow it". Other words are welcome; they stand in between.
STRENGTH = ("mention", "assigned", "reviewer", "author", "participant")
WEAKEST = "subscribed"


def rank(reason: str) -> int:
    """The lower, the stronger."""
    if reason == WEAKEST:
        return len(STRENGTH) + 1
    return STRENGTH.index(reason) if reason in STRENGTH else len(STRENGTH)
