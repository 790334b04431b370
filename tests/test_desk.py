"""An operator's desk: what is found, page by page, what is done, and that all of it is noted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from clarion import Address, Clarion, Gone, InvalidInput, NotFound, Reject, UnknownName
from clarion.desk import Desk
from clarion.errors import NotAllowed
from clarion.ids import uuid7
from clarion.message import Message
from clarion.sought import DeliveryFilter, EventFilter, NotificationFilter, Page, Total
from clarion.store.schema import addresses as addresses_table
from clarion.store.schema import events as events_table
from clarion.telemetry import JsonFormatter
from tests.support.working import Wire, count, done, emit, limits, people, until, working

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


def soon() -> datetime:
    return datetime.now(UTC) + HOUR


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    async def does(_message: Message, address: Address) -> str:
        match address.value:
            case "eve@a.test":
                raise Reject("refused", "not for eve")
            case "gone@a.test":
                raise Gone("no_such_user", "nobody here")
        return "taken"

    made = Clarion(database_url, channels=[Wire(does), Wire(name="other")], limits=limits())
    made.type("note", channels=["inbox", "wire"], category="notes")
    made.type("alarm", channels=["wire"])
    yield made
    made.close()


@pytest.fixture
def desk(clarion: Clarion) -> Desk:
    return clarion.desk("olga")


async def lived(clarion: Clarion) -> dict[str, UUID]:
    """Some events, told to their end: by name."""
    people(clarion, "bob", "eve", "gone", "mia")
    clarion.recipients.prefer("mia", "*", enabled=False)
    made = {
        "first": emit(clarion, "note", to=["bob", "eve"], key="k/1", subject="cl/1", actor="ann"),
        "second": emit(clarion, "note", to=["bob", "mia"], correlation_id="trace-7", condition="broken"),
    }
    async with working(clarion):
        await until(lambda: done(clarion))
        made["repeat"] = emit(clarion, "note", to=["bob"], condition="broken")
        made["alarm"] = emit(clarion, "alarm", to=["bob", "gone", "mia"], correlation_id="trace-7")
        await until(lambda: done(clarion))
    return made


def walked(page: Callable[[str | None], Page[Any]]) -> list[UUID]:
    """The ids on all pages."""
    found: list[UUID] = []
    cursor: str | None = None
    while True:
        one = page(cursor)
        found += [item.id for item in one.items]
        if (cursor := one.next) is None:
            return found


def verbs(desk: Desk) -> list[tuple[str, str | None]]:
    return [(line.verb, line.recipient) for line in reversed(desk.audit().items)]


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_events_are_found_by_all_that_is_known_of_them(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)
    names = {id: name for name, id in made.items()}

    def found(**said: Any) -> list[str]:
        return [names[one.id] for one in desk.events(EventFilter(**said)).items]

    assert found() == ["alarm", "repeat", "second", "first"], "the newest first"
    assert found(id=made["first"]) == found(key="k/1") == found(subject="cl/1") == found(actor="ann")
    assert found(key="k/1") == ["first"]
    assert found(correlation_id="trace-7") == ["alarm", "second"]
    assert found(correlation_id=str(made["first"])) == ["first"], "its own id, where none was said"
    assert found(condition="broken") == ["second"], "repeats are counted at it"
    assert found(type="note", correlation_id="trace-7") == ["second"]
    assert found(state="decided") == ["alarm", "second", "first"]
    assert found(state="repeat") == ["repeat"]
    assert found(state="failed") == found(state="waiting") == found(key="none") == []
    assert found(since=soon()) == []
    assert len(found(until=soon())) == 4
    assert found(id=made["first"], type="alarm") == []
    assert clarion.desk("olga", tenant="other").events().items == ()
    (one,) = desk.events(EventFilter(key="k/1")).items
    assert (one.type, one.actor, one.subject, one.state, one.due_at) == (
        "note",
        "ann",
        "cl/1",
        "decided",
        None,
    )


async def test_events_that_wait_the_next_due_first_and_what_became_of_others(
    clarion: Clarion, desk: Desk
) -> None:
    later, sooner = (emit(clarion, "note", to=["bob"], at=soon() + n * HOUR) for n in (2, 1))
    gone = emit(clarion, "note", to=["bob"], subject="cl/9", at=soon() + 3 * HOUR)
    desk.withdraw("cl/9")
    async with working(clarion):
        await until(lambda: desk.events(EventFilter(state="withdrawn")).items)
    waiting = EventFilter(state="waiting")
    assert [one.id for one in desk.events(waiting).items] == [sooner, later]
    assert walked(lambda cursor: desk.events(waiting, cursor=cursor, most=1)) == [sooner, later]
    assert [one.id for one in desk.events(EventFilter(state="withdrawn")).items] == [gone]
    assert desk.count(waiting).number == 2


async def test_notifications_are_found_by_what_was_decided(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)

    def found(**said: Any) -> set[tuple[UUID, str]]:
        return {(one.event, one.recipient) for one in desk.notifications(NotificationFilter(**said)).items}

    mine = {(made["first"], "bob"), (made["second"], "bob"), (made["alarm"], "bob")}
    assert found(recipient="bob") == mine, "in the inbox or not"
    assert found(gate="consent") == {(made["second"], "mia"), (made["alarm"], "mia")} == found(told=False)
    assert found(gate="consent", type="alarm") == found(event=made["alarm"], recipient="mia")
    assert found(event=made["alarm"], told=True) == {(made["alarm"], "bob"), (made["alarm"], "gone")}
    assert found(gate="muted") == found(recipient="nobody") == found(since=soon()) == set()
    (one,) = desk.notifications(NotificationFilter(event=made["second"], recipient="mia")).items
    assert (one.gates, one.told, one.visible, one.type) == (("consent",), False, False, "note")
    assert found(id=one.id) == {(made["second"], "mia")}
    assert [n.recipient for n in desk.notifications(NotificationFilter(event=made["alarm"])).items] == [
        *("bob", "gone", "mia")
    ]


async def test_of_one_recipient_all_is_found_wherever_they_put_it(clarion: Clarion, desk: Desk) -> None:
    people(clarion, "bob")
    made = {
        name: emit(clarion, "note", to=["bob"], subject=name)
        for name in ("inbox", "read", "done", "saved", "snoozed", "deleted", "withdrawn", "both")
    }
    made["hidden"] = emit(clarion, "alarm", to=["bob"])
    async with working(clarion):
        await until(lambda: done(clarion))
        told = {one.event: one.id for one in desk.notifications().items}
        for how in ("read", "done", "saved", "deleted"):
            clarion.inbox.mark("bob", [told[made[how]]], how)  # type: ignore[arg-type]  # a mark
        clarion.inbox.snooze("bob", [told[made["snoozed"]]], soon())
        for how in ("done", "deleted"):
            clarion.inbox.mark("bob", [told[made["both"]]], how)  # type: ignore[arg-type]
        desk.withdraw("withdrawn")
        await until(lambda: desk.events(EventFilter(state="withdrawn")).items)
    his = NotificationFilter(recipient="bob")
    assert {one.event for one in desk.notifications(his).items} == set(made.values())
    whole = [one.id for one in desk.notifications(his).items]
    assert walked(lambda cursor: desk.notifications(his, cursor=cursor, most=2)) == whole
    assert len(whole) == len(made) == desk.count(his).number
    assert len(desk.deliveries(DeliveryFilter(recipient="bob")).items) == len(made)


async def test_deliveries_are_found_by_how_they_stand(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)

    def found(**said: Any) -> set[tuple[UUID, str]]:
        return {(one.event, one.recipient) for one in desk.deliveries(DeliveryFilter(**said)).items}

    failed = {(made["first"], "eve"), (made["alarm"], "gone")}
    assert found(state="failed") == failed == found(state="failed", channel="wire")
    assert found(code="refused") == {(made["first"], "eve")} == found(state="failed", code="refused")
    assert found(recipient="bob") == {(made[name], "bob") for name in ("first", "second", "alarm")}
    assert found(recipient="bob", type="alarm") == {(made["alarm"], "bob")}
    assert found(event=made["first"]) == {(made["first"], "bob"), (made["first"], "eve")}
    assert found(event=made["first"], state="sent") == {(made["first"], "bob")}
    assert found(address="eve@") == {(made["first"], "eve")} == found(address="EVE@A")
    assert found(address="eve@", recipient="bob") == found(address="x@") == found(channel="other") == set()
    assert found(state="waiting") == found(state="sending") == found(lane="none") == set()
    assert len(found(state="sent")) == 3
    (one,) = desk.deliveries(DeliveryFilter(code="refused")).items
    assert (one.state, one.code, one.detail, one.attempts, one.channel, one.type) == (
        *("failed", "refused", "not for eve", 1, "wire", "note"),
    )
    assert found(id=one.id) == {(made["first"], "eve")}
    assert clarion.desk("olga", tenant="other").deliveries(DeliveryFilter(id=one.id)).items == ()


async def test_what_waits_is_found_with_its_lane_and_when_it_is_due(clarion: Clarion, desk: Desk) -> None:
    people(clarion, "bob")
    clarion.start()
    desk.pause("wire", until=soon())
    event = emit(clarion, "alarm", to=["bob"])
    async with working(clarion):
        await until(lambda: desk.deliveries(DeliveryFilter(state="waiting")).items)
    (one,) = desk.deliveries(DeliveryFilter(state="waiting", lane="default")).items
    assert (one.event, one.state, one.lane, one.attempts) == (event, "waiting", "default", 0)
    assert one.due_at is not None
    (state,) = [state for state in desk.channels() if state.name == "wire"]
    assert (state.waiting.number, state.waiting.exact, state.configured) == (1, True, True)
    assert [pause.by for pause in state.pauses] == ["olga"]


@pytest.mark.parametrize(
    "wanted",
    [
        DeliveryFilter(),
        DeliveryFilter(state="failed"),
        DeliveryFilter(recipient="bob"),
        DeliveryFilter(channel="wire"),
        DeliveryFilter(address="bob@"),
    ],
    ids=["all", "failed", "of somebody", "on a channel", "to an address"],
)
async def test_pages_of_any_size_hold_everything_once(
    clarion: Clarion, desk: Desk, wanted: DeliveryFilter
) -> None:
    people(clarion, "bob", "eve")
    clarion.recipients.upsert("bob", addresses={"wire": ["bob@a.test", "bob@b.test"]})
    for _ in range(7):
        emit(clarion, "note", to=["bob", "eve"])
    async with working(clarion):
        await until(lambda: done(clarion))
    whole = [one.id for one in desk.deliveries(wanted, most=1000).items]
    assert len(whole) in (21, 14, 7)
    for most in (1, 3, 7, 21):
        assert walked(lambda cursor, n=most: desk.deliveries(wanted, cursor=cursor, most=n)) == whole  # type: ignore[misc]
    assert (desk.count(wanted).number, desk.count(wanted).exact) == (len(whole), True)
    event = desk.deliveries(wanted).items[0].event
    by_event = DeliveryFilter(event=event)
    three = [one.id for one in desk.deliveries(by_event).items]
    assert walked(lambda cursor: desk.deliveries(by_event, cursor=cursor, most=1)) == three
    assert len(three) == 3


async def test_a_filter_that_passes_nothing_looks_no_further_than_it_may(
    clarion: Clarion, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.store.search.walk._CHUNKS", (2, 3))
    people(clarion, "bob")
    for n in range(12):
        emit(clarion, "note", to=["bob"], key=f"k/{n}", actor="ann" if n == 1 else None)
    page = desk.events(EventFilter(actor="ann"))
    assert (page.items, page.next is None) == ((), False), "short, and there is more"
    monkeypatch.setattr("clarion.store.search.walk.COUNTED", 5)
    assert (desk.count(EventFilter()), str(desk.count(EventFilter()))) == (Total(5, exact=False), "5+")
    assert desk.count(EventFilter(actor="ann")) == Total(1, exact=True)
    (found,) = walked(lambda cursor: desk.events(EventFilter(actor="ann"), cursor=cursor))
    assert desk.events(EventFilter(id=found)).items[0].key == "k/1"


def test_what_makes_no_sense_is_refused(clarion: Clarion, desk: Desk) -> None:
    clarion.start()
    with pytest.raises(UnknownName, match="state"):
        DeliveryFilter(state="lost")
    with pytest.raises(UnknownName, match="consent"):
        NotificationFilter(gate="consnet")
    with pytest.raises(InvalidInput, match="aware"):
        EventFilter(since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(InvalidInput, match="nothing is since"):
        EventFilter(since=soon(), until=soon() - HOUR)
    for cursor in ("", "x", "bnVsbA", "W10", "WyIiLG51bGwsbnVsbCxudWxsXQ"):
        with pytest.raises(InvalidInput, match="cursor"):
            desk.events(cursor=cursor)
    with pytest.raises(InvalidInput, match="1 to 1000"):
        desk.deliveries(most=0)
    people(clarion, *(f"many{n}" for n in range(11)))
    with pytest.raises(InvalidInput, match="more than 10 addresses"):
        desk.deliveries(DeliveryFilter(address="many"))
    with pytest.raises(NotFound, match="no delivery"):
        desk.delivery(uuid4())


async def test_one_text_may_stand_for_many_things(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)
    (sent,) = desk.deliveries(DeliveryFilter(code="refused")).items

    def hits(text: str) -> list[tuple[str, str]]:
        return [(hit.kind, hit.id) for hit in desk.look_up(text)]

    first = str(made["first"])
    assert hits("k/1") == hits(first) == [("event", first)]
    assert hits("trace-7") == [("event", str(made["alarm"])), ("event", str(made["second"]))]
    assert hits("broken") == [("condition", "broken")]
    assert hits("cl/1") == [("subject", "cl/1")]
    assert hits(str(sent.id)) == [("delivery", str(sent.id))]
    assert hits(str(sent.notification)) == [("notification", str(sent.notification))]
    assert [kind for kind, _ in hits("bob")] == ["recipient", "address"]
    assert [kind for kind, _ in hits("bob@a")] == ["address"]
    assert hits("nothing of the kind") == hits(str(uuid7())) == []
    chosen = desk.preview_replay(event=made["first"])
    assert hits(str(chosen.id)) == [("selection", str(chosen.id))]


async def test_one_delivery_with_all_that_became_of_it(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)
    (sent,) = desk.deliveries(DeliveryFilter(event=made["alarm"], state="failed")).items
    whole = desk.delivery(sent.id)
    assert (whole.delivery, whole.address) == (sent, "gone@a.test")
    assert whole.address_gone_at is not None
    assert [(one.result, one.code) for one in whole.attempts] == [("failed", "no_such_user")]
    assert (whole.explanation.recipient, whole.explanation.told) == ("gone", True)
    assert whole.expires_at is not None
    assert verbs(desk) == [("recipient.why", "gone")], "its address was shown"


# ── Acting, which is noted ───────────────────────────────────────────────────────────────────────────────


async def test_what_an_operator_does_is_noted(
    clarion: Clarion, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "clarion.audit")
    made = await lived(clarion)
    said = desk.silence({"recipient": "bob"}, comment="asked for", until=soon())
    assert [one.id for one in desk.silences()] == [said.id]
    assert desk.end_silence(said.id) is True
    assert desk.end_silence(said.id) is False
    assert ([], [said.id]) == (
        [one.id for one in desk.silences()],
        [one.id for one in desk.silences(ended=True)],
    )
    (dead,) = desk.addresses(gone=True)
    assert dead.value == "gone@a.test"
    assert desk.revive(dead.id) is True
    desk.pause("wire", until=soon(), because="moving")
    assert desk.resume("wire") is not None
    issued = desk.issue_key("shop", ["events:write"])
    assert desk.revoke_key(issued.key.id).revoked_at is not None
    listed = desk.keys()
    assert [key.name for key in listed] == ["shop"]
    desk.cancel_event(made["first"])
    desk.resolve("broken")
    desk.export("bob")
    assert desk.person("bob").recipient.id == "bob"
    desk.showing("a page", "bob")
    assert verbs(desk) == [
        ("silence.begin", "bob"),
        ("silence.end", None),
        ("silence.end", None),
        ("address.list", None),
        ("address.revive", None),
        ("channel.pause", None),
        ("channel.resume", None),
        ("key.issue", None),
        ("key.revoke", None),
        ("event.cancel", None),
        ("condition.resolve", None),
        ("recipient.export", "bob"),
        ("recipient.show", "bob"),
        ("recipient.show", "bob"),
    ]
    assert {line.by for line in desk.audit().items} == {"olga"}
    (line,) = desk.audit(verb="key.issue").items
    assert (line.on, line.details) == (
        f"key {issued.key.id}",
        {"name": "shop", "scopes": ["events:write"]},
    )
    assert len(desk.audit(verb="silence").items) == 3
    assert len(desk.audit(recipient="bob").items) == 4
    assert desk.audit(by="nobody").items == desk.audit(since=soon()).items == ()
    assert len(walked(lambda cursor: desk.audit(cursor=cursor, most=3))) == 14
    assert len(walked(lambda cursor: desk.audit(verb="silence", cursor=cursor, most=2))) == 3
    lines = [json.loads(JsonFormatter().format(one)) for one in caplog.records if one.name == "clarion.audit"]
    assert len(lines) == 14
    told = {name: lines[0][name] for name in ("by", "verb", "tenant", "recipient", "on")}
    assert told == {
        "by": "olga",
        "verb": "silence.begin",
        "tenant": "default",
        "recipient": "bob",
        "on": f"silence {said.id}",
    }
    assert issued.secret not in json.dumps(lines)


async def test_searching_for_somebody_is_noted_before_they_are_found(clarion: Clarion, desk: Desk) -> None:
    await lived(clarion)
    desk.notifications(NotificationFilter(recipient="bob"))
    desk.deliveries(DeliveryFilter(recipient="eve"))
    desk.deliveries(DeliveryFilter(address="bob@"))
    desk.deliveries(DeliveryFilter(address="nobody-of-this-kind@"))
    desk.look_up("mia")
    desk.why(desk.events(EventFilter(key="k/1")).items[0].id, "bob")
    desk.deliveries(DeliveryFilter(state="failed"))
    desk.events()
    assert verbs(desk) == [
        ("recipient.search", "bob"),
        ("recipient.search", "eve"),
        ("recipient.search", "bob"),
        ("recipient.search", None),
        ("recipient.search", "mia"),
        ("recipient.why", "bob"),
    ]
    kept = json.dumps([dict(line.details) for line in desk.audit().items]) + str(desk.audit())
    assert "nobody-of-this-kind" not in kept, "an address that nobody has is kept nowhere"


async def test_what_is_refused_is_not_noted_as_done(clarion: Clarion, desk: Desk) -> None:
    clarion.start()
    with pytest.raises(UnknownName):
        desk.pause("wrie", until=soon())
    with pytest.raises(InvalidInput):
        desk.pause("wire", until=soon() - 2 * HOUR)
    with pytest.raises(InvalidInput):
        desk.silence({}, comment="all", until=soon())
    with pytest.raises(NotFound):
        desk.end_silence(uuid4())
    with pytest.raises(NotFound):
        desk.revive(uuid4())
    with pytest.raises(NotFound):
        desk.revoke_key(uuid4())
    with pytest.raises(NotFound):
        desk.cancel_event(uuid4())
    assert desk.audit().items == ()


def test_nobody_gives_out_what_they_do_not_have(clarion: Clarion) -> None:
    clarion.start()
    keeper = clarion.desk("kim", scopes=["keys", "operate"])
    assert keeper.issue_key("reader", ["observe"]).key.scopes == ("observe",), "implied by operate"
    with pytest.raises(NotAllowed, match="recipients:write"):
        keeper.issue_key("writer", ["observe", "recipients:write"])
    with pytest.raises(UnknownName):
        keeper.issue_key("writer", ["everything"])
    listed = keeper.keys()
    assert [(key.name, key.created_by) for key in listed] == [("reader", "kim")]


def test_of_pauses_a_tenant_sees_its_own_lanes(clarion: Clarion) -> None:
    clarion.start()
    whole = clarion.desk("olga")
    for lane in ("", "default", "other"):
        whole.pause("wire", until=soon(), lane=lane)
    assert [one.lane for one in whole.pauses()] == ["", "default", "other"]
    assert [one.lane for one in clarion.desk("kim", scopes=["operate"]).pauses()] == ["", "default"]


async def test_erasing_somebody_is_noted_and_leaves_nothing_of_them_in_it(
    clarion: Clarion, desk: Desk
) -> None:
    await lived(clarion)
    desk.preview_replay(recipient="eve")
    desk.delivery(desk.deliveries(DeliveryFilter(code="refused")).items[0].id)
    assert "eve" in {line.recipient for line in desk.audit().items}
    assert [row["verb"] for row in desk.export("eve")["audit"]] == [
        *("replay.preview", "recipient.why", "recipient.export"),
    ]
    desk.erase("eve")
    assert verbs(desk)[-1] == ("recipient.erase", "erased")
    assert {line.recipient for line in desk.audit().items} == {"erased"}
    assert desk.selections().items[0].filter == {"recipient": "erased"}


async def test_of_two_tenants_neither_sees_the_other(clarion: Clarion, desk: Desk) -> None:
    made = await lived(clarion)
    (sent,) = desk.deliveries(DeliveryFilter(code="refused")).items
    address = clarion.database.read(lambda conn: conn.execute(addresses_table.select()).first())
    assert address is not None
    silence, key = desk.silence({"type": "*"}, comment="c", until=soon()), desk.issue_key("k", ["observe"])
    chosen = desk.preview_replay(event=made["first"])
    theirs = clarion.desk("otto", tenant="other")
    refused: list[Callable[[], object]] = [
        lambda: theirs.delivery(sent.id),
        lambda: theirs.why(made["first"], "bob"),
        lambda: theirs.selection(chosen.id),
        lambda: theirs.apply(chosen.id, number=1),
        lambda: theirs.end_silence(silence.id),
        lambda: theirs.revive(address.id),
        lambda: theirs.revoke_key(key.key.id),
        lambda: theirs.cancel_event(made["first"]),
        lambda: theirs.export("bob"),
        lambda: theirs.erase("bob"),
    ]
    for ask in refused:
        with pytest.raises(NotFound):
            ask()
    assert theirs.look_up("k/1") == theirs.look_up(str(sent.id)) == theirs.look_up("bob") == ()
    assert theirs.addresses() == theirs.silences() == theirs.keys() == []
    assert theirs.selections().items == ()
    assert theirs.preview_cancel(channel="wire").number == 0
    assert count(clarion, events_table) == 4
    assert {line.by for line in desk.audit().items} == {"olga"}


def test_a_test_goes_out_on_one_channel(clarion: Clarion, desk: Desk) -> None:
    people(clarion, "bob")
    clarion.start()
    trial = desk.try_out("wire", "bob")
    assert (trial.passed, [one.channel for one in trial.messages]) == (True, ["wire"])
    assert desk.try_out("wire", Address("wire", "x@a.test")).passed
    with pytest.raises(InvalidInput, match="none of 'wire'"):
        desk.try_out("wire", Address("other", "x@a.test"))
    assert [line.verb for line in desk.audit(recipient="bob").items] == ["channel.try"]
    assert [finding.about for finding in desk.examine(channels_only=True)] == [
        "channel wire",
        "channel other",
    ]
