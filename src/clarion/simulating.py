"""Asking what would be told, or would have been, with nothing written: methods of `Clarion`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, Unpack
from uuid import UUID

from clarion.errors import InvalidInput
from clarion.event import DEFAULT_TENANT, Event, EventFields
from clarion.names import Names
from clarion.policy import Policy
from clarion.simulation import comparison, preview
from clarion.simulation.comparison import Again, Change, Chosen, changes_of
from clarion.simulation.preview import Preview
from clarion.workers.wiring import Wiring


class _Application(Protocol):
    _names: Names

    def checked(self, type: str, fields: EventFields) -> Event: ...

    def _wiring(self) -> Wiring: ...


def simulate(
    app: _Application,
    type: str,
    *,
    recipient: str | None = None,
    most: int = 1000,
    **fields: Unpack[EventFields],
) -> Preview:
    """What `emit` of this event would become now, with nothing written; its fields are those of `emit`.

    For its audience, at most so many; or for one `recipient`, who need not be in it. Calls the type's
    resolver and access check. Raises what `emit` raises, and what they raise.
    """
    wiring = app._wiring()  # noqa: SLF001 - this is a method of `Clarion`
    return preview.simulate(wiring, app.checked(type, fields), recipient=recipient, most=most)


def simulate_again(
    app: _Application,
    events: Iterable[UUID] | None = None,
    *,
    since: datetime | None = None,
    type: str | None = None,
    preferences: Mapping[str, Iterable[Change]] | None = None,
    policy: Policy | None = None,
    most: int = 10_000,
    tenant: str = DEFAULT_TENANT,
) -> Again:
    """What stored events would have become with other preferences of some recipients, or another policy.

    `events`: those, or all `since` an instant, of one `type`; at most so many notifications. Nothing is
    written. Cooldowns and throttles begin empty with the first event. Raises `InvalidInput`.
    """
    if events is None and since is None:
        raise InvalidInput("say which events: their ids, or since when")
    wiring, names = app._wiring(), app._names  # noqa: SLF001 - as above
    return comparison.simulate_again(
        wiring,
        Chosen(tenant=tenant, events=None if events is None else list(events), since=since, type=type),
        changes={who: changes_of(who, said, names) for who, said in (preferences or {}).items()},
        policy=policy,
        most=most,
    )
