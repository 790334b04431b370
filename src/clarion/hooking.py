"""Hooks of the application, called once it is certain how something ended: methods of `Clarion`."""

from __future__ import annotations

from typing import Protocol, TypeVar

from clarion.workers.hooks import Hook, Hooks

Called = TypeVar("Called", bound=Hook)


class _Application(Protocol):
    hooks: Hooks


def on_sent(app: _Application, hook: Called) -> Called:
    """Have this function called with an `Ending` whenever a delivery was sent; a decorator.

    In the process whose worker sent it, in a thread, after that is committed: at most once, in no order, and not at
    all if the process dies in between. So hooks are for counters and for what may be missed now and then; the truth
    is `status` and `why`. What a hook raises is logged. A hook that is slow or hangs delays nothing: at most
    4 calls of it run at once and 10,000 wait; beyond that they are dropped, which is logged and counted.
    """
    app.hooks.add("on_sent", hook)
    return hook


def on_failed(app: _Application, hook: Called) -> Called:
    """Have this function called whenever a delivery failed for good; as `on_sent`. A retry to come is no failure."""
    app.hooks.add("on_failed", hook)
    return hook


def on_suppressed(app: _Application, hook: Called) -> Called:
    """Have this function called whenever a recipient is not told on a channel because of a gate; as `on_sent`.

    When the event is decided on, or later, when what was to be sent is no longer wanted. `code` is the gate.
    """
    app.hooks.add("on_suppressed", hook)
    return hook
