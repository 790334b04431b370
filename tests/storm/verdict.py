"""What a storm has lost and doubled, counted at the mail server and held against what the database says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion.demo.catcher import received
from clarion.store.schema import deliveries, events, notifications, outcomes
from tests.storm.ground import Ground

# Ends of a claim after which the other side may have taken the message although nobody wrote that down.
UNKNOWN = sa.or_(
    outcomes.c.result == "lost",
    sa.and_(outcomes.c.result == "retry", outcomes.c.code == "unknown_outcome"),
)


@dataclass(slots=True)
class Tally:
    """Of one phase: deliveries made and mails that came, and what does not fit."""

    deliveries: int = 0
    mails: int = 0
    lost: int = 0
    duplicates: int = 0
    in_hand: int = 0  # claims that ended unknown: with the lease, or the connection, or cut off
    unexplained: int = 0  # duplicates of a delivery beyond those claims of its own
    unfinished: int = 0  # no final state, or not sent
    most_in_hand: int = 0  # what those who were struck can have had in hand, all strikes together
    strikes: int = 0
    kills: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Verdict:
    """Of the whole storm on one database."""

    database: str
    phases: dict[str, Tally] = field(default_factory=dict)
    strangers: int = 0
    said_of_the_file: str = "ok"  # by SQLite

    def total(self, name: str) -> float:
        return float(sum(getattr(tally, name) for tally in self.phases.values()))

    @property
    def problems(self) -> list[str]:
        """In words; none if the promises were kept."""
        found = [f"{self.strangers} mails of no delivery"] if self.strangers else []
        found += [f"integrity_check: {self.said_of_the_file}"] if self.said_of_the_file != "ok" else []
        for phase, tally in self.phases.items():
            broken = {name: getattr(tally, name) for name in ("lost", "unexplained", "unfinished")}
            found += [f"{phase}: {count} {name}" for name, count in broken.items() if count]
            if tally.in_hand > tally.most_in_hand:
                found.append(
                    f"{phase}: {tally.in_hand} in hand, which cannot be more than {tally.most_in_hand}"
                )
        return found


def count(ground: Ground, verdict: Verdict) -> None:
    """Fill in what came of each phase's deliveries."""
    came = Counter(UUID(mail.message_id.strip("<>").partition("@")[0]) for mail in received(ground.kept))
    phases, unknown, ended = ground.clarion.database.read(_read)
    for delivery, phase in phases.items():
        tally = verdict.phases[phase]
        times = came.pop(delivery, 0)
        tally.deliveries += 1
        tally.mails += times
        tally.lost += times == 0
        tally.duplicates += max(0, times - 1)
        tally.in_hand += unknown[delivery]
        tally.unexplained += max(0, times - 1 - unknown[delivery])
        tally.unfinished += ended.get(delivery) != ["sent"]
    verdict.strangers = len(came)
    if verdict.database == "sqlite":
        verdict.said_of_the_file = ground.clarion.database.read(
            lambda conn: str(conn.exec_driver_sql("PRAGMA integrity_check").scalar())
        )


def _read(conn: Connection) -> tuple[dict[UUID, str], Counter[UUID], dict[UUID, list[str]]]:
    same_event = sa.and_(events.c.tenant == notifications.c.tenant, events.c.id == notifications.c.event_id)
    same = sa.and_(
        notifications.c.tenant == deliveries.c.tenant, notifications.c.id == deliveries.c.notification_id
    )
    rows = conn.execute(
        sa.select(deliveries.c.id, events.c.data).select_from(
            deliveries.join(notifications, same).join(events, same_event)
        )
    )
    phases = {row.id: row.data["phase"] for row in rows}
    unknown: Counter[UUID] = Counter()
    ended: dict[UUID, list[str]] = {}
    chosen = sa.select(outcomes.c.delivery_id, outcomes.c.result, outcomes.c.final, UNKNOWN.label("unknown"))
    for row in conn.execute(chosen):
        if row.final:
            ended.setdefault(row.delivery_id, []).append(row.result)
        elif row.unknown:
            unknown[row.delivery_id] += 1
    return phases, unknown, ended


def as_json(verdicts: list[Verdict]) -> str:
    """One line: the totals, and each phase of each database."""
    names = (
        "deliveries",
        "mails",
        "lost",
        "duplicates",
        "in_hand",
        "unexplained",
        "unfinished",
        "strikes",
        "kills",
    )
    return json.dumps(
        {
            **{name: int(sum(v.total(name) for v in verdicts)) for name in names},
            "seconds": round(sum(v.total("seconds") for v in verdicts), 1),
            "databases": {
                v.database: {
                    phase: {name: getattr(t, name) for name in names} for phase, t in v.phases.items()
                }
                for v in verdicts
            },
            "problems": [f"{v.database}: {problem}" for v in verdicts for problem in v.problems],
        }
    )
