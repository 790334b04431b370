"""Previews: what an event would become, and what stored events would have become; with nothing written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from clarion import Address, Clarion, Cooldown, Event, InvalidInput, Policy, Throttle, UnknownName
from clarion.explanation import Explanation
from clarion.preference import Watch
from clarion.question import INBOX
from clarion.store import people
from clarion.store.schema import metadata
from tests.support.working import Wire, done, emit, limits, until, working

pytestmark = pytest.mark.anyio

Quarter = Cooldown(minutes=15, key="subject", channels=["wire"])


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    """Types with what a preview must know of, and people."""
    clarion = Clarion(database_url, channels=[Wire(), Wire(name="sms")], limits=limits())
    clarion.type("note", category="notes", channels=["inbox", "wire"])
    clarion.type("cooled", channels=["inbox", "wire"], policy=Policy(cooldown=Quarter))
    clarion.type(
        "guarded", channels=["inbox"], access=lambda _event, ids, _app: [i for i in ids if i != "eve"]
    )

    @clarion.type("resolved", channels=["inbox"])
    def audience(event: Event, _app: object) -> list[tuple[str, list[str]]]:
        if event.subject == "broken":
            raise LookupError("no such subject")
        return [("reviewer", ["bob", "carol"])]

    clarion.start()
    for id in ("bob", "carol", "eve"):
        clarion.recipients.upsert(id, addresses={"wire": f"{id}@a.test"})
    yield clarion
    clarion.close()


async def told(clarion: Clarion, type: str, **fields: Any) -> UUID:
    """An event, worked through."""
    event = emit(clarion, type, **fields)
    async with working(clarion):
        await until(lambda: done(clarion))
    return event


def gates(explanation: Explanation) -> dict[str, str]:
    return {c.channel: c.gate or "told" for c in explanation.channels}


def by_recipient(explanations: tuple[Explanation, ...]) -> dict[str, tuple[str | None, dict[str, str]]]:
    return {e.recipient: (e.reason, gates(e)) for e in explanations}


# ── An event ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_preview_is_what_is_told_then(app: Clarion) -> None:
    app.recipients.prefer("carol", "category:notes", channel="wire", enabled=False)
    people_ = {"author": ["bob"], "reviewer": ["carol", "nobody", Address("wire", "new@x.test")]}
    fields: dict[str, Any] = {"actor": "bob", "to": people_, "subject": "cl/42"}
    preview = app.simulate("note", **fields)
    assert by_recipient(preview.explanations) == {
        "bob": ("author", {INBOX: "actor", "wire": "actor"}),
        "carol": ("reviewer", {INBOX: "told", "wire": "consent"}),
        "nobody": ("reviewer", {INBOX: "active", "wire": "active"}),
        "wire:new@x.test": ("reviewer", {INBOX: "reachable", "wire": "told"}),
    }
    assert preview.sources == ("author: bob", "reviewer: carol, nobody, new@x.test (wire)")
    assert not preview.more
    event = await told(app, "note", **fields)
    for explanation in preview.explanations:
        real = app.why(event, explanation.recipient)
        assert (real.reason, real.sentence, real.channels) == (
            explanation.reason,
            explanation.sentence,
            explanation.channels,
        )


async def test_the_resolver_and_the_topic_are_asked(app: Clarion) -> None:
    app.recipients.subscribe("eve", "cl/42")
    app.recipients.subscribe("bob", "cl/42")
    preview = app.simulate("resolved", to={"mention": ["carol"]}, topic="cl/42")
    assert [(e.recipient, e.reason) for e in preview.explanations] == [
        ("carol", "mention"),
        ("bob", "reviewer"),
        ("eve", "subscribed"),
    ]
    assert preview.sources == ("mention: carol", "resolver of resolved", "subscribers of cl/42")
    with pytest.raises(LookupError, match="no such subject"):
        app.simulate("resolved", subject="broken")


async def test_an_audience_larger_than_asked_for_goes_on(app: Clarion) -> None:
    preview = app.simulate("note", to=["bob", "carol", "eve"], most=2)
    assert [e.recipient for e in preview.explanations] == ["bob", "carol"]
    assert preview.more


async def test_one_recipient_who_need_not_be_in_it(app: Clarion) -> None:
    (eve,) = app.simulate("guarded", to=["bob", "eve"], recipient="eve").explanations
    assert gates(eve) == {INBOX: "access"}
    preview = app.simulate("note", to=["bob"], recipient="eve")
    (eve,) = preview.explanations
    assert eve.reason is None
    assert eve.sentence == "eve was not in the audience; asked were: direct: bob"
    assert not preview.more


async def test_it_is_decided_as_of_when_it_is_due(app: Clarion) -> None:
    at = datetime.now(UTC) + timedelta(days=3)
    until_tomorrow = people.Recipient(id="bob", silent_until=datetime.now(UTC) + timedelta(days=1))
    app.database.run(lambda conn: _silence(conn, until_tomorrow))
    (now,) = app.simulate("note", to=["bob"]).explanations
    later = app.simulate("note", to=["bob"], at=at)
    assert gates(now) == {INBOX: "consent", "wire": "consent"}
    assert later.at == at
    assert gates(later.explanations[0]) == {INBOX: "told", "wire": "told"}


def _silence(conn: sa.Connection, said: Any) -> None:
    from clarion.store.schema import recipients

    conn.execute(
        sa.update(recipients).where(recipients.c.id == said.id).values(silent_until=said.silent_until)
    )


async def test_slots_count_and_are_not_taken(app: Clarion) -> None:
    first = app.simulate("cooled", to=["bob"], subject="cl/42").explanations
    again = app.simulate("cooled", to=["bob"], subject="cl/42").explanations
    assert gates(first[0]) == gates(again[0]) == {INBOX: "told", "wire": "told"}
    await told(app, "cooled", to=["bob"], subject="cl/42")
    (blocked,) = app.simulate("cooled", to=["bob"], subject="cl/42").explanations
    assert gates(blocked) == {INBOX: "told", "wire": "cooldown"}
    (urgent,) = app.simulate("cooled", to=["bob"], subject="cl/42", severity="urgent").explanations
    assert gates(urgent) == {INBOX: "told", "wire": "told"}


async def test_what_stands_already_is_named(app: Clarion) -> None:
    event = await told(app, "note", to=["bob"], key="k")
    assert app.simulate("note", to=["bob"], key="k").already == event
    assert app.simulate("note", to=["bob"], key="k2").already is None
    opened = await told(app, "note", to=["bob"], condition="disk-full")
    repeat = app.simulate("note", to=["bob"], condition="disk-full", recipient="bob")
    assert repeat.repeat_of == opened
    assert repeat.explanations[0].sentence.startswith("nobody was told: 'disk-full' was open already")
    worse = app.simulate("note", to=["bob"], condition="disk-full", severity="urgent")
    assert worse.repeat_of is None
    assert gates(worse.explanations[0])[INBOX] == "told"
    assert app.simulate("note", to=["bob"], condition="disk").repeat_of is None


async def test_what_could_not_be_emitted_is_refused(app: Clarion) -> None:
    with pytest.raises(UnknownName, match="did you mean 'note'"):
        app.simulate("notte", to=["bob"])
    with pytest.raises(UnknownName, match="field of an event"):
        app.simulate("note", too=["bob"])  # type: ignore[call-arg]


# ── Stored events, again ─────────────────────────────────────────────────────────────────────────────────


def changed(clarion: Clarion, *events: UUID, **what: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """By recipient and channel: what each decision was, and what it would have been."""
    found = {}
    for one in clarion.simulate_again(events, **what).changed:
        for channel, (old, new) in one.changed.items():
            said = tuple("-" if w is None else w.gate or "told" for w in (old, new))
            found[one.before.recipient, channel] = (said[0], said[1])
    return found


async def test_other_preferences(app: Clarion) -> None:
    event = await told(app, "note", to=["bob", "carol"], subject="cl/42")

    def with_(*said: Any) -> dict[tuple[str, str], tuple[str, str]]:
        return changed(app, event, preferences={"bob": said})

    assert with_() == {}
    off = {"scope": "*", "enabled": False}
    assert with_(off) == {("bob", INBOX): ("told", "consent"), ("bob", "wire"): ("told", "consent")}
    assert with_(off, {"scope": "type:note", "enabled": True}) == {}
    assert with_({"scope": "category:general", "enabled": False}) == {}
    assert with_({"scope": "category:notes", "channels": ("wire",)}) == {("bob", INBOX): ("told", "consent")}
    assert with_({"scope": "*", "channel": "wire", "min_severity": "action"}) == {
        ("bob", "wire"): ("told", "severity")
    }
    assert with_({"scope": "*", "channel": "sms", "enabled": True}) == {("bob", "sms"): ("-", "reachable")}
    assert with_(Watch(topic="cl/42", level="none")) == {
        ("bob", INBOX): ("told", "level"),
        ("bob", "wire"): ("told", "level"),
    }


async def test_a_change_that_was_made_meanwhile_counts_only_for_those_asked_about(app: Clarion) -> None:
    event = await told(app, "note", to=["bob", "carol"])
    for who in ("bob", "carol"):
        app.recipients.prefer(who, "*", channel="wire", enabled=False)
    assert changed(app, event) == {}
    assert changed(app, event, preferences={"bob": []}) == {("bob", "wire"): ("told", "consent")}


async def test_the_one_change_that_stops_it(app: Clarion) -> None:
    app.recipients.subscribe("eve", "deploys")
    event = await told(app, "note", to=["bob"], topic="deploys")
    alone = await told(app, "note", to=["bob"])
    for id, who, kind in ((event, "eve", "unsubscribe"), (event, "bob", "watch"), (alone, "bob", "prefer")):
        stop = app.why(id, who).own().stop
        assert stop is not None
        assert stop.kind == kind
        found = app.simulate_again([id], preferences={who: [stop]})
        (compared,) = [one for one in found.notifications if one.before.recipient == who]
        assert compared.before.told
        assert not compared.after.told
        getattr(app.recipients, stop.kind)(who, *stop.arguments, **stop.options)
        topic = app.why(id, who).event.topic
        (now,) = app.simulate("note", to=["bob"], topic=topic, recipient=who).explanations
        assert not now.told


async def test_another_policy(app: Clarion, travel: Callable[[timedelta], None]) -> None:
    """Slots begin empty, and are used in the order of the events."""
    events = []
    for _ in range(3):
        events.append(await told(app, "note", to=["bob", "carol"], subject="cl/42"))
        travel(timedelta(minutes=10))
    again = app.simulate_again(events, policy=Policy(cooldown=Quarter))
    assert [(c.before.event.id, c.before.recipient) for c in again.changed] == [
        (events[1], "bob"),
        (events[1], "carol"),
    ]
    wire = again.changed[0].after.channel("wire")
    assert wire is not None
    assert (wire.gate, wire.values["since"]) == (
        "cooldown",
        again.notifications[0].before.question.now.isoformat(),
    )  # type: ignore[union-attr]
    held = Policy(throttle=Throttle(1, minutes=15, overflow="hold", channels=["wire"]))
    assert set(changed(app, *events, policy=held).values()) == {("told", "throttle")}
    assert changed(app, *events, policy=held, preferences={"bob": [{"scope": "*", "enabled": False}]})[
        "bob", "wire"
    ] == ("told", "consent")
    assert changed(app, *events, policy=Policy()) == {}


async def test_a_policy_that_tells_the_actor(app: Clarion) -> None:
    event = await told(app, "note", to=["bob"], actor="bob")
    assert changed(app, event, policy=Policy(tell_actor=True)) == {
        ("bob", INBOX): ("actor", "told"),
        ("bob", "wire"): ("actor", "told"),
    }


async def test_which_events(app: Clarion, travel: Callable[[timedelta], None]) -> None:
    old = await told(app, "note", to=["bob"])
    travel(timedelta(hours=1))
    since = datetime.now(UTC) + timedelta(minutes=50)
    new = await told(app, "note", to=["bob", "carol"])
    other = await told(app, "guarded", to=["bob"])

    def events(*ids: UUID, **which: Any) -> set[UUID]:
        return {c.before.event.id for c in app.simulate_again(ids or None, **which).notifications}

    assert events(since=since) == {new, other}
    assert events(since=since, type="guarded") == {other}
    assert events(old, new) == {old, new}
    assert events(old, new, since=since) == {new}
    assert events(old, tenant="elsewhere") == events(uuid4()) == set()
    two = app.simulate_again([old, new], most=2)
    assert (len(two.notifications), two.more) == (2, True)
    with pytest.raises(InvalidInput, match="say which events"):
        app.simulate_again()
    del app.types["guarded"]
    less = app.simulate_again([new, other])
    assert (len(less.notifications), less.left_out) == (2, 1)


# ── Nothing is written ───────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_written(app: Clarion, database: str) -> None:
    event = await told(app, "cooled", to=["bob"], subject="cl/42", condition="full")
    app.recipients.subscribe("eve", "cl/42")
    before = everything(app)
    with watched(app, database) as wrote:
        one_off = Address("wire", "never@x.test")
        for _ in range(2):
            app.simulate(
                "cooled", to=["bob", one_off], topic="cl/42", subject="cl/42", condition="other", key="k"
            )
        app.simulate("resolved", recipient="carol")
        app.simulate_again(
            [event],
            policy=Policy(cooldown=Quarter),
            preferences={"bob": [{"scope": "*", "enabled": False}]},
        )
    assert wrote() == []
    assert everything(app) == before


def everything(clarion: Clarion) -> Mapping[str, Any]:
    """Every row of every table."""
    return clarion.database.read(
        lambda conn: {
            name: sorted(map(repr, conn.execute(sa.select(*table.c))))
            for name, table in metadata.tables.items()
        }
    )


@contextmanager
def watched(clarion: Clarion, database: str) -> Iterator[Callable[[], list[str]]]:
    """What could be a write meanwhile: a statement that is none of reading, and what the database itself noticed."""
    said: list[str] = []
    file = Path(str(clarion.database.url.database))

    def listen(conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "WITH", "BEGIN", "SET LOCAL")):
            said.append(statement)
        if "FOR NO KEY UPDATE" in statement or "IMMEDIATE" in statement:
            said.append(f"locks: {statement}")
        if database == "postgresql" and conn.exec_driver_sql("SHOW transaction_read_only").scalar() != "on":
            said.append(f"could write: {statement}")

    def state() -> str:
        if database == "postgresql":
            return ""
        log = file.with_name(file.name + "-wal")
        content = file.read_bytes() + (log.read_bytes() if log.exists() else b"")
        return hashlib.sha256(content).hexdigest()

    recursive = False

    def once(*args: Any) -> None:
        nonlocal recursive
        if not recursive:
            recursive = True
            try:
                listen(*args)
            finally:
                recursive = False

    engine, before = clarion.database.engine, state()
    sa.event.listen(engine, "before_cursor_execute", once)
    yield lambda: said + ([] if state() == before else ["the file has changed"])
    sa.event.remove(engine, "before_cursor_execute", once)
