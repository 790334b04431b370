"""Filling a vacancy, in one transaction: those whom a slot had stopped are decided on again, now that it is free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from clarion.circumstances import Candidate, Facts
from clarion.event import Event
from clarion.event_type import EventType
from clarion.lane import Lanes
from clarion.plan import Planned, plan
from clarion.preference import Choices
from clarion.question import Question
from clarion.recipient import Address
from clarion.severity import Severity
from clarion.store import blocked, dialect, notifications, slots, tallies, vacancies, withdrawals
from clarion.store.blocked import Blocked
from clarion.store.notifications import Outgoing
from clarion.store.slots import Taken
from clarion.store.vacancies import Vacancy
from clarion.store.withdrawals import Withdrawn
from clarion.tally import Counts
from clarion.workers import facts
from clarion.workers.facts import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A notification that was stopped, of a type that is declared here; `with_access` as in `deciding.Page`."""

    blocked: Blocked
    event: Event
    type: EventType
    with_access: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """`told`: something is to be sent. `done`: nobody else need be asked. `floor`: up to which severity that is so."""

    told: bool = False
    done: bool = False
    floor: Severity | None = None


def fill(
    conn: Connection,
    vacancy: Vacancy,
    page: Sequence[Stopped],
    *,
    lanes: Lanes,
    floor: Severity | None,
    last: bool,
) -> Filled:
    """Decide again on this page, the newest first, and close the vacancy when nobody is left to ask.

    Any number of workers may do it at once, and it may be broken off between two pages: what was told is no longer
    stopped, and whoever comes next begins again. Locks events (whose questions are numbered), then the recipient,
    then their notifications, then slots.
    """
    tenant, recipient, _ = vacancy.key
    events = blocked.lock_events(conn, tenant, {one.event.id for one in page})
    slots.lock_people(conn, [(tenant, recipient)])
    still = blocked.lock(conn, vacancy, [one.blocked.id for one in page])
    todo = [
        replace(one, blocked=still[one.blocked.id], event=events[one.event.id])
        for one in page
        if one.blocked.id in still
    ]
    now = dialect.read_now(conn)
    asked = [
        Asked(event=one.event, type=one.type, recipients=[recipient], with_access=one.with_access)
        for one in todo
    ]
    known, taken = facts.read(conn, asked, now)
    if not vacancies.lock(conn, vacancy):
        return Filled(done=True)
    withdrawn = withdrawals.read(conn, [one.event for one in todo])
    again = _Again(conn, vacancy, withdrawn, floor, lanes, now)
    for one, facts_ in zip(todo, known, strict=True):
        if again.floor is None or one.blocked.severity > again.floor:
            again.ask(one, facts_)
    done = last or (again.floor is not None and again.floor >= vacancy.severity)
    again.write(taken, everybody=last)
    if done:
        vacancies.close(conn, vacancy)
        blocked.wake(conn, vacancy)
    return Filled(told=again.told, done=done, floor=again.floor)


class _Again:
    """Decides on one recipient's notifications, one after the other, with the slots that the newer ones took."""

    def __init__(
        self,
        conn: Connection,
        vacancy: Vacancy,
        withdrawn: Withdrawn,
        floor: Severity | None,
        lanes: Lanes,
        now: datetime,
    ) -> None:
        self._conn, self._vacancy, self._withdrawn, self._now = conn, vacancy, withdrawn, now
        self._outgoing = Outgoing(lanes)
        self._takings: list[Taken] = []
        self._blocked: dict[slots.Key, datetime] = {}
        self._counted: Counts = Counter()
        self.floor, self.told = floor, False

    def ask(self, one: Stopped, known: Facts) -> None:
        tenant, recipient, key = self._vacancy.key
        said = known.preferences.get(recipient, ())
        untold = set(Choices(one.type, said).channels()) - one.blocked.told_on
        candidate = self._candidate(one, known)
        decided = plan(one.event, one.type, [candidate], replace(known, charged_on=untold), self._now)
        answer, question = decided.planned[0], decided.questions[0]
        for _, full in decided.blocked:
            since = self._blocked.get((tenant, recipient, full), one.blocked.created_at)
            self._blocked[tenant, recipient, full] = min(since, one.blocked.created_at)
        news = [d for d in answer.decisions if d.told and d.channel in untold]
        if news:
            self._counted += tallies.of_news(one.event, news, self._now)
            self._tell(one, question, answer)
        elif decided.blocked and (recipient, key) not in decided.blocked:  # others stand in its way now
            blocked.rewrite(self._conn, one.event, one.blocked.id, question, answer, self._now)
        if (recipient, key) in decided.blocked:  # and whoever is older and no more severe
            self.floor = max(self.floor or one.blocked.severity, one.blocked.severity)

    def _tell(self, one: Stopped, question: Question, answer: Planned) -> None:
        event, id = one.event, one.blocked.id
        told_there = {a.id for a in answer.addresses if a.channel in one.blocked.told_on}
        blocked.rewrite(self._conn, event, id, question, answer, self._now)
        self._outgoing.add(event, one.type.max_age, id, answer, self._now, but=told_there)
        self._takings += notifications.takings(event.tenant, id, answer)
        self.told = True

    def _candidate(self, one: Stopped, known: Facts) -> Candidate:
        recipient = self._vacancy.key[1]
        given = [Address(a.channel, a.value, a.locale) for a in known.addresses.get(recipient, ())]
        one_off = (
            None
            if recipient in known.recipients
            else next((address for address in given if address.recipient == recipient), None)
        )
        return Candidate(
            recipient,
            one.blocked.reason,
            one_off,
            read=one.blocked.read,
            withdrawn=one.blocked.withdrawn or self._withdrawn.for_(one.event.id, recipient),
            resolved=one.blocked.resolved or one.event.id in self._withdrawn.resolved,
            notification=one.blocked.id,
        )

    def write(self, taken: slots.Read, *, everybody: bool) -> None:
        """Deliveries, slots, and who waits for them. Unless `everybody` was asked, the others wait on as they did."""
        self._outgoing.write(self._conn)
        tallies.add(self._conn, self._counted)
        slots.take(self._conn, self._takings, taken, self._now)
        if self.floor is not None or not everybody:
            self._blocked[self._vacancy.key] = self._vacancy.since
        for key, since in sorted(self._blocked.items()):
            slots.block(self._conn, [key], since)
