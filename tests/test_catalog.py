from __future__ import annotations

from datetime import timedelta

import pytest

from clarion import Clarion, Cooldown, Escalation, Policy, Throttle, UnknownName
from clarion.catalog import recipients_of
from tests.support.working import Wire

POLICY = Policy(
    tell_actor=True,
    cooldown=Cooldown(minutes=15, key="thread", channels=("email",)),
    throttle=Throttle(5, hours=1, overflow="hold", exempt="urgent", charge="channel"),
    escalation=(Escalation(repeats=3), Escalation(after=timedelta(hours=1), severity="urgent", renotify=False)),  # type: ignore[arg-type]
)  # fmt: skip


def declared(url: str, **changed: object) -> Clarion:
    made = Clarion(url, channels=[Wire(name="email")], version="1.4")
    options: dict[str, object] = {
        "category": "reviews",
        "channels": ["inbox", "email"],
        "severity": "action",
        "policy": POLICY,
        "unless_read": True,
        "max_age": 7,
        "access": lambda _event, of, _app: of,
    }
    made.type("cl.merged", **{**options, **changed})(lambda _event, _app: [])
    return made


def test_what_is_stored_is_what_was_declared(database_url: str) -> None:
    app = declared(database_url)
    before = app.known_type("cl.merged")
    assert (before.declared, before.stored, before.differs) == (True, None, ())
    app.start()
    known = app.known_type("cl.merged")
    assert known.stored is not None
    assert (known.differs, known.resolver, known.access) == ((), True, True)
    assert known.stored.version == "1.4"
    assert set(known.stored.enabled_since) == {"inbox", "email"}

    outside = Clarion(database_url)
    seen = outside.known_type("cl.merged")
    assert (seen.declared, seen.resolver, seen.access, seen.differs) == (False, True, True, ())
    assert seen.type.policy == POLICY
    assert (seen.type.severity, seen.type.max_age, seen.type.unless_read) == (
        app.types["cl.merged"].severity,
        timedelta(days=7),
        True,
    )
    app.close()
    outside.close()


def test_what_differs_is_named(database_url: str) -> None:
    app = declared(database_url)
    app.start()
    other = declared(database_url, category="chatter", policy=Policy(), access=None)
    assert other.known_type("cl.merged").differs == ("category", "policy", "access")
    app.close()
    other.close()


def test_all_and_the_nearest(database_url: str) -> None:
    app = declared(database_url)
    app.start()
    other = Clarion(database_url)
    other.type("a.b")
    assert [(code, k.declared) for code, k in other.known_types().items()] == [
        ("a.b", True),
        ("cl.merged", False),
    ]
    with pytest.raises(UnknownName, match=r"did you mean 'cl\.merged'"):
        other.known_type("cl.merge")
    app.close()
    other.close()


def test_recipients_of_a_database_alone_know_its_names(database_url: str) -> None:
    app = declared(database_url)
    assert recipients_of(app) is app.recipients
    app.start()
    outside = Clarion(database_url)
    people = recipients_of(outside)
    people.upsert("bob", addresses={"email": "b@a.test"})
    people.prefer("bob", "category:reviews", channel="email", enabled=False)
    with pytest.raises(UnknownName, match="unknown channel 'sms'"):
        people.upsert("bob", addresses={"sms": "+1"})
    said = {one.channel: one.wanted for one in people.said("bob").types[0].channels}
    assert said == {"email": False, "inbox": True}
    app.close()
    outside.close()
