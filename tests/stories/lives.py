"""Lives for the test of agreement: people, what they chose, types, silences and events, drawn at random.

Everything that ends or begins does so half a minute beside the whole minutes at which things happen, so that
the time that an example takes never decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from clarion import Address, Cooldown, Policy, Retries, Throttle, ids
from clarion.policy import MINUTES
from clarion.preference import LEVELS
from clarion.severity import Severity
from clarion.silence import Silence, parse
from clarion.slot import Rule
from clarion.store import silences
from clarion.store.schema import addresses, preferences, recipients, subscriptions

CHANNELS = ("wire", "sms")  # those that are configured
DECLARED = ("inbox", *CHANNELS, "fax")
PEOPLE = ("bob", "carol", "dave")
TYPES = ("t.one", "t.two")
SUBJECTS = ("cl/1", "cl/2")
TAGS = ("team:a", "team:b", "noise")
GONE, DEAD = "gone@", "dead@"  # known to be dead before; found out when something is sent there

Row = Mapping[str, Any]

severities = st.sampled_from(Severity)
moments = st.none() | st.sampled_from([-20, 10, 45]).map(lambda minutes: (minutes + 0.5) * MINUTES)
HOURS = (
    {"daily": ["00:00-23:59"], "passes": "urgent"},
    {"daily": ["22:00-07:00"], "passes": "action"},
    {"weekdays": ["09:30-12:15", "12:15-13:00"], "weekend": ["00:00-00:00"]},
)


def rarely(
    value: st.SearchStrategy[Any] | object, default: object = None, *, one_in: int = 6
) -> st.SearchStrategy[Any]:
    """Mostly the ordinary, so that there is something left to be told."""
    strategy = value if isinstance(value, st.SearchStrategy) else st.just(value)
    chosen = st.sampled_from([False] * (one_in - 1) + [True])
    return chosen.flatmap(lambda said: strategy if said else st.just(default))


@dataclass(frozen=True, kw_only=True)
class Person:
    """A recipient as it lies in the database; instants are given from when the example begins."""

    active: bool
    enabled: bool
    silent: timedelta | None
    quiet_hours: dict[str, Any] | None
    time_zone: str
    tags: dict[str, Any] | None
    addresses: tuple[tuple[str, str], ...]
    preferences: tuple[Row, ...]
    watches: tuple[tuple[str, bool, str | None, timedelta | None], ...]


rows = st.fixed_dictionaries(
    {
        "scope": st.sampled_from([*(f"type:{code}" for code in TYPES), "category:news", "*"]),
        "channel": st.sampled_from(["*", "*", "inbox", "wire", "sms"]),
        "enabled": st.sampled_from([None, None, True, False]),
        "channels": rarely(st.lists(st.sampled_from(DECLARED), max_size=3, unique=True)),
        "min_severity": rarely(severities.map(int)),
    }
).filter(lambda row: any(row[name] is not None for name in ("enabled", "channels", "min_severity")))

persons = st.builds(
    Person,
    active=rarely(False, True, one_in=12),
    enabled=rarely(False, True, one_in=12),
    silent=rarely(moments, one_in=9),
    quiet_hours=rarely(st.sampled_from(HOURS), one_in=2),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
    tags=rarely(st.sampled_from([{"include": ["team:*"]}, {"exclude": ["noise"]}]), one_in=12),
    addresses=st.builds(
        lambda one, others: tuple(dict.fromkeys([one, *others])),
        st.sampled_from([("wire", "a@"), ("wire", "a@"), ("wire", "a@"), ("wire", DEAD), ("wire", GONE)]),
        st.lists(
            st.tuples(st.sampled_from(["sms", *CHANNELS]), st.sampled_from(["b@", "b@", GONE, DEAD])),
            max_size=2,
        ),
    ),
    preferences=rarely(
        st.lists(rows, min_size=1, max_size=3, unique_by=lambda row: (row["scope"], row["channel"])).map(
            tuple
        ),
        (),
        one_in=3,
    ),
    watches=st.lists(
        st.tuples(st.sampled_from(SUBJECTS), st.booleans(), rarely(st.sampled_from(LEVELS)), rarely(moments)),
        max_size=2,
        unique_by=lambda watch: watch[0],
    ).map(tuple),
)


def _rule(name: str) -> st.SearchStrategy[Rule]:
    options: dict[str, st.SearchStrategy[Any]] = {
        "minutes": st.sampled_from([12.5, 32.5, 3000.5]),
        "key": st.sampled_from(["type", "type", "subject", ("category", "thread"), ("type", "severity")]),
        "channels": st.sampled_from([None, None, ("wire",), ("wire", "sms")]),
        "charge": st.sampled_from(["notification", "channel"]),
        "exempt": rarely(st.just("urgent")),
    }
    if name == "cooldown":
        return st.builds(Cooldown, **options)
    return st.builds(Throttle, st.integers(1, 2), overflow=st.sampled_from(["suppress", "hold"]), **options)


types = st.fixed_dictionaries(
    {
        "category": st.sampled_from(["news", "other"]),
        "severity": severities,
        "channels": st.sampled_from(
            [
                ["inbox", "wire"],
                ["inbox", "wire", "sms"],
                ["wire"],
                ["wire", "sms"],
                ["inbox"],
                ["wire", "fax"],
            ]
        ),
        "required": rarely(True, False),
        "enabled": rarely(False, True, one_in=9),
        "unless_read": rarely(True, False, one_in=3),
        "max_age": st.sampled_from([3, 3, None, 100.5 * MINUTES]),
        "policy": st.builds(
            Policy,
            tell_actor=st.booleans(),
            cooldown=rarely(_rule("cooldown"), one_in=2),
            throttle=rarely(_rule("throttle"), one_in=2),
            retries=st.just(Retries(waits=())),
        ),
    }
)

silenced = st.tuples(
    st.sampled_from(
        [
            {"type": "t.*"},
            {"subject": "cl/1"},
            {"tag": "team:*", "below": "action"},
            {"recipient": "bob"},
            {"channel": "wire", "category": "news"},
            {"actor": "carol"},
        ]
    ),
    st.sampled_from([-30.5, 20.5, 200.5]).map(lambda minutes: minutes * MINUTES),
    st.sampled_from([15, 120, 2000]).map(lambda minutes: minutes * MINUTES),
)

strangers = st.sampled_from(
    ["nobody", Address("wire", "new@x.test"), Address("sms", f"{DEAD}x.test", locale="fr")]
)
reasons = st.sampled_from(["author", "mention", "subscribed", "other"])
emitted = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*TYPES, "t.one", "t.one"]),
        "actor": rarely(st.sampled_from(PEOPLE)),
        "to": st.builds(
            lambda known, others: {reason: [*people, *others] for reason, people in known.items()},
            st.dictionaries(
                reasons, st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3), min_size=1, max_size=2
            ),
            rarely(st.lists(strangers, min_size=1, max_size=2), [], one_in=9),
        ),
        "topic": rarely(st.sampled_from(SUBJECTS)),
        "subject": st.none() | st.sampled_from(SUBJECTS),
        "thread": rarely(st.sampled_from(SUBJECTS)),
        "severity": rarely(severities),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
        "channels": rarely(
            st.lists(st.sampled_from(["inbox", "wire", "sms"]), max_size=2, unique=True), one_in=12
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """An event, how long after the one before it is emitted, when it is due and when it expires."""

    fields: dict[str, Any]
    after: timedelta
    due: timedelta | None
    expires: timedelta | None
    reads: bool  # whoever has it in the inbox reads it at once


@dataclass(frozen=True, kw_only=True)
class Life:
    """One example."""

    begins: timedelta  # after midnight of a Monday
    people: dict[str, Person]
    types: dict[str, dict[str, Any]]
    silences: list[tuple[dict[str, Any], timedelta, timedelta]]
    happenings: list[Happening]


happenings = st.builds(
    Happening,
    fields=emitted,
    after=st.sampled_from([0, 5, 10, 30]).map(lambda minutes: minutes * MINUTES),
    due=rarely(st.just(5 * MINUTES)),
    expires=rarely(st.sampled_from([20.5, 90.5]).map(lambda minutes: minutes * MINUTES)),
    reads=rarely(True, False, one_in=3),
)
lives = st.builds(
    Life,
    begins=st.integers(0, 7 * 24 * 6 - 1).map(lambda tens: 10 * tens * MINUTES + MINUTES / 4),
    people=st.fixed_dictionaries(dict.fromkeys(PEOPLE, persons)),
    types=st.fixed_dictionaries(dict.fromkeys(TYPES, types)),
    silences=rarely(st.lists(silenced, min_size=1, max_size=2), [], one_in=4),
    happenings=st.lists(happenings, min_size=2, max_size=5),
)


# ── As rows ──────────────────────────────────────────────────────────────────────────────────────────────


def write(conn: Connection, tenant: str, life: Life, now: datetime) -> None:
    """People, what they chose, and the silences."""

    def at(offset: timedelta | None) -> datetime | None:
        return None if offset is None else now + offset

    for id, person in life.people.items():
        own = {"tenant": tenant, "recipient": id}
        row = {"tenant": tenant, "id": id, "active": person.active, "enabled": person.enabled}
        chosen = {"silent_until": at(person.silent), "quiet_hours": person.quiet_hours, "tags": person.tags}
        conn.execute(
            sa.insert(recipients).values(
                **row, **chosen, time_zone=person.time_zone, created_at=now, updated_at=now
            )
        )
        for channel, value in person.addresses:
            gone = now if value == GONE else None
            where = {"id": ids.uuid7(), "channel": channel, "value": f"{value}{id}.test", "gone_at": gone}
            conn.execute(sa.insert(addresses).values(**own, **where, created_at=now))
        for said in person.preferences:
            conn.execute(sa.insert(preferences).values(**own, **said, changed_at=now))
        for topic, subscribed, level, muted in person.watches:
            watch = {"topic": topic, "subscribed": subscribed, "level": level, "muted_until": at(muted)}
            conn.execute(sa.insert(subscriptions).values(**own, **watch, created_at=now))
    for matches, starts, lasts in life.silences:
        said_ = Silence(
            id=ids.uuid7(),
            matches=parse(matches),
            author="olga",
            comment="moving",
            starts_at=now + starts,
            ends_at=now + starts + lasts,
        )
        silences.add(conn, tenant, said_)


def somebody(**chosen: Any) -> Person:
    """Who chose nothing but this."""
    plain: dict[str, Any] = {
        "active": True,
        "enabled": True,
        "silent": None,
        "quiet_hours": None,
        "time_zone": "UTC",
        "tags": None,
        "addresses": (("wire", "a@"),),
        "preferences": (),
        "watches": (),
    }
    return Person(**{**plain, **chosen})


def _event(subject: str, after: timedelta) -> Happening:
    fields = {"type": "t.one", "to": {"author": ["bob"]}, "subject": subject}
    return Happening(fields=fields, after=after, due=None, expires=None, reads=False)


# Rare among those that are drawn: what holds the slot ends unsent, and what it blocked is decided on again.
DECIDED_AGAIN = Life(
    begins=timedelta(hours=3),
    people={**dict.fromkeys(PEOPLE, somebody()), "bob": somebody(quiet_hours=HOURS[1])},
    types={
        "t.one": {"channels": ["wire"], "policy": Policy(cooldown=Cooldown(hours=50))},
        "t.two": {"policy": Policy()},
    },
    silences=[({"subject": "cl/1"}, 20.5 * MINUTES, 2000 * MINUTES)],
    happenings=[_event("cl/1", timedelta()), _event("cl/2", 5 * MINUTES)],
)
