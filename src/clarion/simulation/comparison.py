"""What stored events would have become with other preferences, or another policy. Nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import edit
from clarion.circumstances import Candidate, Facts
from clarion.edit import PreferenceEdit
from clarion.event import Event
from clarion.event_type import EventType
from clarion.explanation import DECIDED, ChannelWhy, Explanation, NotificationRecord, explain
from clarion.names import Names
from clarion.own import Stop
from clarion.plan import Planned, ask_again, plan, verdicts_json
from clarion.policy import Policy
from clarion.preference import Preference, Watch, scopes
from clarion.question import Question
from clarion.slot import Slots
from clarion.store import dialect, records
from clarion.workers import facts
from clarion.workers.facts import Asked
from clarion.workers.wiring import Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which stored events of a tenant: these, or all since an instant, of one type or of all."""

    tenant: str
    events: Sequence[UUID] | None = None
    since: datetime | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One notification as it was decided, and as it would have been."""

    before: Explanation
    after: Explanation

    @property
    def changed(self) -> dict[str, tuple[ChannelWhy | None, ChannelWhy | None]]:
        """The channels on which it would have been another decision: before, and after."""
        names = dict.fromkeys(why.channel for why in (*self.before.channels, *self.after.channels))
        pairs = {name: (self.before.channel(name), self.after.channel(name)) for name in names}
        return {name: (old, new) for name, (old, new) in pairs.items() if _said(old) != _said(new)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """In the order in which they were decided on. `left_out`: of types that are not declared here, or decided by a
    version whose questions this one cannot read. `more`: there are more than were asked for."""

    notifications: tuple[Compared, ...]
    left_out: int
    more: bool

    @property
    def changed(self) -> tuple[Compared, ...]:
        return tuple(one for one in self.notifications if one.changed)


Change = PreferenceEdit | Watch | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one recipient says otherwise, in part as ever: what is not said here stays."""

    preferences: Mapping[tuple[str, ...], Mapping[str, Any]]
    watches: Sequence[Watch]
    unsubscribed: Collection[str]


def changes_of(recipient: str, said: Iterable[Change], names: Names) -> Changes:
    """Checked as `clarion.recipients` would; raises `InvalidInput` or `UnknownName`."""
    preferences: list[PreferenceEdit] = []
    watches: list[Watch] = []
    unsubscribed = set()
    for change in said:
        match change:
            case Stop(kind="prefer", arguments=(scope,), options=options):
                preferences.append(cast(PreferenceEdit, {"scope": scope, **options}))
            case Stop(kind="watch", arguments=(topic, level)):
                watches.append(Watch(topic=topic, level=level))
            case Stop(arguments=(topic,)):
                unsubscribed.add(topic)
            case Watch():
                watches.append(change)
            case _:
                preferences.append(cast(PreferenceEdit, change))
    edited = edit.of_preferences(recipient, preferences, names)
    return Changes(preferences=edited.preferences, watches=watches, unsubscribed=unsubscribed)


def simulate_again(
    wiring: Wiring,
    chosen: Chosen,
    *,
    changes: Mapping[str, Changes],
    policy: Policy | None,
    most: int,
) -> Again:
    """Decide again on what is stored, with other preferences of some recipients, or another policy.

    All else is as it was then; of those in `changes`, what they chose is taken as of today, with the changes.
    Slots begin empty, are taken in order, and count as used when they would have been sent.
    """

    def read(conn: Connection) -> tuple[list[records.Decided], dict[UUID, Facts]]:
        found = records.decided(conn, chosen.tenant, chosen.events, chosen.since, chosen.type, most + 1)
        concerned = [d for d in found if d.record.recipient in changes and d.event.type in wiring.types]
        asked = [
            Asked(event=d.event, type=wiring.types[d.event.type], recipients=[d.record.recipient])
            for d in concerned
        ]
        if not asked:
            return found, {}
        known, _ = facts.read(conn, asked, dialect.read_now(conn), charged=False, lock=False)
        return found, {d.record.id: facts_ for d, facts_ in zip(concerned, known, strict=True)}

    found, known = wiring.database.read(read)
    slots = Slots()
    compared = []
    for decided in found[:most]:
        type, record = wiring.types.get(decided.event.type), decided.record
        if type is None or record.question is None:
            continue
        before = explain(decided.event, DECIDED, type.resolver is not None, record.recipient, record)
        type = type if policy is None else replace(type, policy=policy)
        said = changes.get(record.recipient)
        after = _after(before, type, record, said, known.get(record.id), policy, slots)
        compared.append(Compared(before=before, after=after))
    left_out = len(found[:most]) - len(compared)
    return Again(notifications=tuple(compared), left_out=left_out, more=len(found) > most)


def _after(
    before: Explanation,
    type: EventType,
    record: NotificationRecord,
    said: Changes | None,
    known: Facts | None,
    policy: Policy | None,
    slots: Slots,
) -> Explanation:
    event, question = before.event, record.question
    left = said is not None and before.by_topic and event.topic in said.unsubscribed
    if question is None or left:
        return explain(event, DECIDED, type.resolver is not None, record.recipient, None)
    candidate = Candidate(record.recipient, record.reason)
    if known is not None and said is not None:
        question = _chosen_anew(
            event, type, candidate, question, _changed(known, record.recipient, type, said)
        )
    if policy is not None:
        question = question._replace(tell_actor=policy.tell_actor)
    question, planned = ask_again(event, type, candidate, question, slots)
    _use(slots, planned, question.now)
    return explain(
        event,
        DECIDED,
        type.resolver is not None,
        record.recipient,
        replace(record, question=question, verdicts=verdicts_json(planned.decisions) or {}, holders={}),
    )


def _changed(known: Facts, recipient: str, type: EventType, said: Changes) -> Facts:
    """What is known of this recipient, with these changes."""
    rows = {(row.scope, row.channel): row for row in known.preferences.get(recipient, ())}
    watches = {watch.topic: watch for watch in known.watches.get(recipient, ())}
    for (scope, channel), values in said.preferences.items():
        if scope in scopes(type):
            row = rows.get((scope, channel)) or Preference(scope=scope, channel=channel)
            listed = values.get("channels")
            rows[scope, channel] = replace(
                row, **{**values, **({} if listed is None else {"channels": tuple(listed)})}
            )
    for watch in said.watches:
        old = watches.get(watch.topic, watch)
        watches[watch.topic] = Watch(
            topic=watch.topic,
            level=watch.level or old.level,
            muted_until=watch.muted_until or old.muted_until,
        )
    return replace(
        known, preferences={recipient: list(rows.values())}, watches={recipient: list(watches.values())}
    )


def _chosen_anew(
    event: Event, type: EventType, candidate: Candidate, asked: Question, known: Facts
) -> Question:
    """The question of then, with what the recipient chooses now."""
    now = plan(event, type, [candidate], known, asked.now).questions[0]
    then = {place.channel: place for place in asked.places}
    return asked._replace(
        on=now.on,
        on_by=now.on_by,
        level=now.level,
        level_by=now.level_by,
        muted=now.muted,
        muted_until=now.muted_until,
        places=tuple(
            then.get(place.channel, place)._replace(
                wanted=place.wanted,
                wanted_by=place.wanted_by,
                min_severity=place.min_severity,
                min_severity_by=place.min_severity_by,
                mode=place.mode,
            )
            for place in now.places
        ),
    )


def _use(slots: Slots, planned: Planned, now: datetime) -> None:
    """What it took lasts for the window after it would have been sent."""
    for taking in planned.taking:
        charge = taking.charge
        sent = [
            d.until or now for d in planned.decisions if d.told and not d.owes and charge.concerns(d.channel)
        ]
        until = min(sent) + charge.rule.window
        slots.sent(planned.candidate.recipient, charge.key, planned.severity, taking.n, until)


def _said(why: ChannelWhy | None) -> tuple[bool, str | None, datetime | None] | None:
    return None if why is None else (why.told, why.gate, why.until)
