"""Whom to send a trial, and where: a method of `Clarion`.

Nothing is written: no event, no item in an inbox, no delivery, no slot of a cooldown or throttle, no counter, no
health of an address. Nobody is told but whom it is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Unpack, cast

from clarion import event
from clarion.channels import addresses
from clarion.errors import InvalidInput, UnknownName, said
from clarion.event import DEFAULT_TENANT, Event, EventFields, required_text
from clarion.event_type import AccessCheck
from clarion.explanation import Explanation
from clarion.names import Names
from clarion.question import INBOX
from clarion.recipient import Address, Recipient
from clarion.simulation.preview import simulate
from clarion.store import people, roster
from clarion.trial import sample, sending
from clarion.trial.sample import Sample, SampleFields
from clarion.trial.sending import Tried
from clarion.workers.wiring import Wiring

_NOT_STARTED = "no process has started with this type and this channel yet, as `clarion work` does"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it. `explanation`: what the event type would become for them now, if it was tried by a type.

    `left_out`: by channel, why nothing went out there, beyond what was decided.
    """

    recipient: str
    explanation: Explanation | None
    messages: tuple[Tried, ...]
    left_out: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether there was something to send, all of it was taken, and no channel was left out."""
        return bool(self.messages) and all(one.passed for one in self.messages) and not self.left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Whom it is for, and where they are reached; `dead`: where the other side said that nobody is."""

    recipient: Recipient
    alive: Sequence[Address]
    dead: Sequence[Address] = ()


class _Application(Protocol):
    def _wiring(self) -> Wiring: ...


def try_out(
    app: _Application,
    to: str | Address,
    *,
    type: str | None = None,
    reason: str = "direct",
    dry_run: bool = False,
    loop: asyncio.AbstractEventLoop | None = None,
    **fields: Unpack[SampleFields],
) -> Trial:
    """Send a test now, from this process: to an `Address`, or to a recipient by id.

    Of an event `type`: what `simulate` says it would become for them is what is sent; what would wait is not, and
    the inbox gets nothing. The type's access check is called, its resolver is not. Without a type: a few words, on
    each of their channels, whatever they prefer. `channels` narrows both. `dry_run`: only decide and write. `loop`:
    where a worker of this process runs, in another thread, for the channels belong to that. Raises `InvalidInput`, `UnknownName`.
    """
    for name in fields:
        if name not in sample.FIELDS:
            raise UnknownName("field of a trial", name, sample.FIELDS)
    tenant = fields.get("tenant", DEFAULT_TENANT)
    narrowed = tuple(fields.get("channels") or ())
    asked = narrowed or ((to.channel,) if isinstance(to, Address) else ())
    wiring = app._wiring()  # noqa: SLF001 - this is a method of `Clarion`
    Names(wiring.types, wiring.channels).check_channels(asked)
    if INBOX in asked:
        raise InvalidInput("nothing is sent to the inbox; to see what would be in it, simulate the event")
    person = _person(wiring, tenant, to)
    if type is None:
        tried, why = _words(to, tenant, fields), None
        wanted = set(asked or (a.channel for a in (*person.alive, *person.dead)))
    else:
        tried, why = _decided(wiring, to, type, required_text("reason", reason), fields)
        wanted = {c.channel for c in why.channels if c.told and c.until is None and c.channel != INBOX}
    places, left_out = _places(wiring, person, wanted)
    if why is not None:
        elsewhere = f"{type} does not go out there, and they did not ask for it"
        left_out |= {name: elsewhere for name in asked if why.channel(name) is None}
        left_out |= {one.channel: _NOT_STARTED for one in why.channels if one.gate == "enabled"}
    written = [sample.write(wiring.renderer, tried, person.recipient, address) for address in places]
    return Trial(
        recipient=person.recipient.id,
        explanation=why,
        messages=tuple(map(sending.shown, written))
        if dry_run
        else sending.send(wiring.channels, written, loop),
        left_out=left_out,
    )


def _words(to: str | Address, tenant: str, fields: Mapping[str, Any]) -> Sample:
    for name in fields:
        if name not in ("tenant", "channels"):
            raise InvalidInput(f"{name} is a field of an event: say of which type")
    return sample.words(to, tenant)


def _decided(
    wiring: Wiring, to: str | Address, type: str, reason: str, fields: Mapping[str, Any]
) -> tuple[Sample, Explanation]:
    """The event, and what it would become for them, with nobody else in its audience."""
    if type not in wiring.types:
        raise UnknownName("event type", type, wiring.types)
    declared = wiring.types[type]
    declared = replace(declared, resolver=None, access=_checked(type, declared.access))
    made = event.make(type, cast(EventFields, {**fields, "to": {reason: [to]}}))
    alone = replace(wiring, types={**wiring.types, type: declared})
    recipient = to.recipient if isinstance(to, Address) else to
    (why,) = simulate(alone, made, recipient=recipient, most=1).explanations
    return Sample(event=made, type=declared, reason=reason, marked=True), why


def _checked(type: str, access: AccessCheck | None) -> AccessCheck | None:
    """The access check; where it fails, that says what to do."""
    if access is None:
        return None

    def check(event: Event, of: Collection[str], application: Any) -> Collection[str]:
        try:
            return access(event, of, application)
        except Exception as error:
            raise InvalidInput(
                f"the access check of {type!r} failed: {said(error)}; give the event what it reads"
            ) from error

    return check


def _person(wiring: Wiring, tenant: str, to: str | Address) -> _Person:
    """Raises `InvalidInput` if there is no such recipient."""
    if isinstance(to, Address):
        addresses.check(to)
        return _Person(recipient=Recipient(id=to.recipient, locale=to.locale, known=False), alive=[to])
    found = wiring.database.read(lambda conn: people.read(conn, [(tenant, to)], ()))[tenant]
    if to not in found.recipients:
        raise roster.unknown(tenant, to)
    stored = found.addresses.get(to, ())
    return _Person(
        recipient=found.recipients[to],
        alive=[Address(a.channel, a.value, a.locale) for a in stored if not a.gone],
        dead=[Address(a.channel, a.value, a.locale) for a in stored if a.gone],
    )


def _places(wiring: Wiring, person: _Person, wanted: Iterable[str]) -> tuple[list[Address], dict[str, str]]:
    """Where to send on these channels, and why there is nowhere on some."""
    places, left_out = [], {}
    for channel in sorted(wanted):
        here = [address for address in person.alive if address.channel == channel]
        if channel not in wiring.channels:
            left_out[channel] = "the channel is not configured in this process"
        elif here:
            places += here
        elif any(address.channel == channel for address in person.dead):
            left_out[channel] = "the address is dead; `clarion addresses --gone` says since when"
        else:
            left_out[channel] = "they have no address there"
    return places, left_out
