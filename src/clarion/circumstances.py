"""The circumstances of a decision: one event and what is known of whom, from which each question is made. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from clarion.event import Event
from clarion.event_type import EventType
from clarion.gates import Decision
from clarion.preference import Choices, Preference, Watch, closest
from clarion.question import INBOX, Charged, Place, Question
from clarion.recipient import Address, Recipient, StoredAddress
from clarion.severity import Severity
from clarion.silence import Silence
from clarion.slot import Charge, Slots, charges


class Candidate(NamedTuple):
    """Somebody in the audience, with the strongest reason. `one_off` for an address without an account.

    `read`, `withdrawn` and `resolved` are what became of it meanwhile; `notification` is its id, where one
    stands already.
    """

    recipient: str
    reason: str
    one_off: Address | None = None
    read: bool = False
    withdrawn: bool = False
    resolved: bool = False
    notification: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gates need to know about a page of candidates, by recipient id."""

    recipients: Mapping[str, Recipient]
    addresses: Mapping[str, Sequence[StoredAddress]]
    preferences: Mapping[str, Sequence[Preference]]
    enabled_since: Mapping[str, datetime]  # by channel, for this event type
    with_access: Collection[str] | None = None  # None: the type does not ask
    watches: Mapping[str, Sequence[Watch]] = field(default_factory=dict)  # on the event's topics
    silences: Sequence[Silence] = ()
    slots: Slots | None = None  # taken from while planning; None: nothing is charged
    charged_on: Collection[str] | None = None  # the channels on which it is; None: on all


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A slot that a notification takes. `until`: its window, where it has reached somebody already."""

    charge: Charge
    n: int
    until: datetime | None


def topics(event: Event) -> tuple[str, ...]:
    """What a recipient may follow, mute and set a level for, the nearest first."""
    return tuple(dict.fromkeys(t for t in (event.thread, event.subject, event.topic) if t is not None))


def slot_keys(event: Event, type: EventType, channels: Iterable[str]) -> tuple[str, ...]:
    """The keys of all slots that this event may be charged for, on these channels."""
    severity = severity_of(event, type)
    return tuple(c.key for c in charges(type.policy.rules, _about(event, type), severity, channels))


def severity_of(event: Event, type: EventType) -> Severity:
    return type.severity if event.severity is None else event.severity


def _about(event: Event, type: EventType) -> dict[str, str | None]:
    """What a slot may be kept for."""
    return {
        "type": type.code,
        "category": type.category,
        "thread": event.thread or event.subject,
        "subject": event.subject,
        "actor": event.actor,
        "severity": severity_of(event, type).label,
    }


class Circumstances:
    """One event and what is known, from which each candidate's question is made."""

    def __init__(self, event: Event, type: EventType, facts: Facts, now: datetime) -> None:
        self.event, self.type, self.facts, self.now = event, type, facts, now
        self.severity = severity_of(event, type)
        self.silences = tuple(
            s
            for s in facts.silences
            if s.starts_at <= now < s.ends_at and s.matches.covers(event, type, self.severity)
        )
        self.rules = type.policy.rules if facts.slots is not None else ()
        self.slots = Slots() if facts.slots is None else facts.slots
        self._of_channel = any(rule.charge == "channel" for rule in self.rules)
        self._charges: dict[tuple[str, ...], tuple[Charge, ...]] = {}
        self._free: dict[tuple[str, ...], tuple[Charged, ...]] = {}
        self._stands: dict[tuple[object, ...], Charged] = {}
        self._takings: dict[tuple[int, str, int], Taking] = {}
        self._due: dict[int, tuple[list[tuple[Charge, datetime | None]], list[str]]] = {}

    def silences_for(self, recipient: str) -> tuple[Silence, ...]:
        if not self.silences:
            return ()
        return tuple([s for s in self.silences if s.matches.concerns(recipient)])

    # ── Slots ────────────────────────────────────────────────────────────────────────────────────────────

    def charges(self, channels: tuple[str, ...]) -> tuple[Charge, ...]:
        """What this event is charged for on these channels."""
        if channels not in self._charges:
            about = _about(self.event, self.type)
            self._charges[channels] = charges(self.rules, about, self.severity, channels)
        return self._charges[channels]

    def charged(self, candidate: Candidate, said: Sequence[Preference]) -> tuple[Charged, ...]:
        """How each of its charges stands for this candidate."""
        if not self.rules:
            return ()
        asked_for = said and self._of_channel
        channels = Choices(self.type, said).channels() if asked_for else self.type.channels
        charges, taken = self.charges(channels), self.slots.taken
        for charge in charges:
            if taken.get((candidate.recipient, charge.key)):
                return tuple([self.stands(candidate, charge) for charge in charges])
        if channels not in self._free:
            self._free[channels] = tuple([self._standing(charge) for charge in charges])
        return self._free[channels]

    def stands(self, candidate: Candidate, charge: Charge) -> Charged:
        """How it stands for this candidate; where it stands the same for another, the very same answer."""
        held = self.slots.taken.get((candidate.recipient, charge.key))
        if not held:
            return self._standing(charge)
        blocking = self.slots.blocking(candidate.recipient, charge.key, self.severity, self.now)
        mine = candidate.notification is not None and any(s.holder == candidate.notification for s in held)
        if len(blocking) < charge.rule.limit or mine:
            return self._standing(charge, len(blocking), mine=mine)
        since = max([slot.taken_at for slot in blocking])
        ends = [slot.until for slot in blocking if slot.until is not None]
        return self._standing(charge, len(blocking), since=since, until=min(ends) if ends else None)

    def _standing(
        self,
        charge: Charge,
        taken: int = 0,
        *,
        mine: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Charged:
        stands = self._stands.get(key := (charge.key, taken, mine, since, until))
        if stands is None:
            stands = self._stands[key] = _charged(charge, taken=taken, mine=mine, since=since, until=until)
        return stands

    def take(
        self,
        recipient: str,
        question: Question,
        n: int,
        decisions: tuple[Decision, ...],
        blocked: set[tuple[str, str]],
    ) -> tuple[Taking, ...]:
        """Take a slot for each charge under which something goes out; where there was no room, say so in `blocked`."""
        if n not in self._due:
            self._due[n] = self._charges_due(question, decisions)
        due, full = self._due[n]
        for key in full:
            blocked.add((recipient, key))
        taking = []
        for charge, until in due:
            place = self.slots.take(recipient, charge.key, self.severity, charge.rule.limit, self.now, until)
            one = self._takings.get((n, charge.key, place))
            if one is None:
                one = Taking(charge=charge, n=place, until=until)
                self._takings[n, charge.key, place] = one
            taking.append(one)
        return tuple(taking)

    def _charges_due(
        self, question: Question, decisions: tuple[Decision, ...]
    ) -> tuple[list[tuple[Charge, datetime | None]], list[str]]:
        """What everybody with this question is charged: each with the end of its window, where it reaches them at
        once; and the keys at which there is no room."""
        by_key = {charge.key: charge for charge in self.charges(tuple(p.channel for p in question.places))}
        on = self.facts.charged_on
        out = [d.channel for d in decisions if d.told and not d.owes and (on is None or d.channel in on)]
        due, full = [], []
        for charged in question.charges:
            if charged.full:
                if any(d.gate == charged.rule and charged.concerns(d.channel) for d in decisions):
                    full.append(charged.key)
            elif not charged.mine and (reached := [c for c in out if charged.concerns(c)]):
                charge = by_key[charged.key]
                due.append((charge, self.now + charge.rule.window if INBOX in reached else None))
        return due, full

    # ── The question ─────────────────────────────────────────────────────────────────────────────────────

    def question(
        self,
        candidate: Candidate,
        recipient: Recipient,
        stored: Sequence[StoredAddress],
        said: Sequence[Preference],
        watches: Sequence[Watch],
        access: bool | None,
        silences: Sequence[Silence],
        charged: tuple[Charged, ...],
    ) -> Question:
        event, type = self.event, self.type
        choices = Choices(type, said)
        on, on_by = choices.on()
        level, muted = closest(watches, topics(event), self.now) if watches else (None, None)
        has_inbox = recipient.known and candidate.one_off is None
        return Question(
            now=self.now,
            type=type.code,
            required=type.required,
            severity=self.severity,
            reason=candidate.reason,
            emitted_at=event.emitted_at,
            due_at=event.at,
            expires_at=event.expires_at,
            stale_at=None if type.max_age is None else event.at + type.max_age,
            is_actor=candidate.recipient == event.actor,
            tell_actor=type.policy.tell_actor,
            known=recipient.known,
            active=recipient.active,
            resolved=candidate.resolved,
            withdrawn=candidate.withdrawn,
            read=candidate.read,
            unless_read=type.unless_read,
            access=access,
            switched_on=recipient.enabled,
            silent_until=recipient.silent_until,
            on=on,
            on_by=on_by,
            level="all" if level is None or level.level is None else level.level,
            level_by=None if level is None else level.topic,
            muted_until=None if muted is None else muted.muted_until,
            muted=None if muted is None else muted.topic,
            tags_refused_by=None if recipient.tags is None else recipient.tags.refuses(event.tags),
            quiet_hours=recipient.quiet_hours,
            time_zone="UTC" if recipient.quiet_hours is None else recipient.time_zone,
            places=tuple(
                self._place(channel, choices, stored, has_inbox, silences) for channel in choices.channels()
            ),
            charges=charged,
        )

    def _place(
        self,
        channel: str,
        choices: Choices,
        stored: Sequence[StoredAddress],
        has_inbox: bool,
        silences: Sequence[Silence],
    ) -> Place:
        wanted, wanted_by = choices.wanted(channel)
        least, least_by = choices.min_severity(channel)
        here = [address.gone for address in stored if address.channel == channel]
        silence = next((s for s in silences if s.matches.on(channel)), None)
        return Place(
            channel=channel,
            addresses=int(has_inbox) if channel == INBOX else here.count(False),
            gone=here.count(True),
            enabled_since=self.facts.enabled_since.get(channel),
            narrowed=self.event.channels is not None and channel not in self.event.channels,
            wanted=wanted,
            wanted_by=wanted_by,
            min_severity=least,
            min_severity_by=least_by if least is not None else None,
            mode=choices.mode(channel),
            silence=None if silence is None else str(silence.id),
            silenced_by=None if silence is None else f"{silence.author}: {silence.comment}",
            silenced_until=None if silence is None else silence.ends_at,
        )


def _charged(charge: Charge, **stands: Any) -> Charged:
    rule = charge.rule
    return Charged(
        rule=rule.name,
        key=charge.key,
        limit=rule.limit,
        window_seconds=rule.window.total_seconds(),
        overflow=rule.overflow,
        channels=charge.channels,
        **stands,
    )
