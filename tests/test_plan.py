"""From an event and a page of candidates to what is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clarion import quiet_hours
from clarion.circumstances import Candidate, Facts
from clarion.event import Event
from clarion.event_type import declare
from clarion.gates import BITS
from clarion.plan import Plan, decide, plan, verdicts_json
from clarion.policy import Policy
from clarion.preference import Preference
from clarion.recipient import FOREVER, Address, Recipient, StoredAddress
from clarion.severity import Severity
from clarion.tag_filter import TagFilter
from tests.support.events import event

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BY_NIGHT = quiet_hours.parse({"daily": ["22:00-07:00"]})
BY_DAY = quiet_hours.parse({"daily": ["07:00-22:00"]})
merged = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"]})


def address(n: int, channel: str = "email", **values: Any) -> StoredAddress:
    return StoredAddress(id=UUID(int=n), channel=channel, value=f"{n}@x.test", **values)


def facts(**known: Any) -> Facts:
    whole: dict[str, Any] = {
        "recipients": {name: Recipient(id=name) for name in ("alice", "bob", "carol")},
        "addresses": {name: [address(n)] for n, name in enumerate(("alice", "bob", "carol"))},
        "preferences": {},
        "enabled_since": {"inbox": LONG_AGO, "email": LONG_AGO},
    }
    return Facts(**whole | known)


def planned(known: Facts, *who: Candidate | str, of: Event | None = None, type: Any = merged) -> Plan:
    happened = of or event(actor="alice")
    page = [w if isinstance(w, Candidate) else Candidate(w, "author") for w in who]
    return plan(happened, type, page, known, happened.at)


def gate_of(result: Plan, channel: str = "email") -> str | None:
    (told,) = result.planned
    return next(d.gate for d in told.decisions if d.channel == channel)


def test_somebody_is_told_in_the_inbox_and_at_an_address() -> None:
    (told,) = planned(facts(), "bob").planned
    assert told.visible
    assert told.gates == 0
    assert [a.id for a in told.addresses] == [UUID(int=1)]
    assert verdicts_json(told.decisions) is None


def test_equal_circumstances_are_asked_about_once() -> None:
    result = planned(facts(), "bob", "carol", "alice", Candidate("dora", "author"))
    assert len(result.questions) == 3
    assert [told.question for told in result.planned] == [0, 0, 1, 2]
    assert [told.candidate.recipient for told in result.planned] == ["bob", "carol", "alice", "dora"]


def test_each_keeps_its_own_addresses_beside_a_shared_answer() -> None:
    known = facts(addresses={"bob": [address(1), address(2)], "carol": [address(3), address(4)]})
    bob, carol = planned(known, "bob", "carol").planned
    assert bob.question == carol.question
    assert [a.id.int for a in bob.addresses] == [1, 2]
    assert [a.id.int for a in carol.addresses] == [3, 4]


def test_when_a_choice_was_made_makes_no_other_question() -> None:
    def off(minutes: int) -> list[Preference]:
        at = LONG_AGO + timedelta(minutes=minutes)
        return [Preference(scope="*", channel="email", enabled=False, changed_at=at)]

    result = planned(facts(preferences={"bob": off(1), "carol": off(2)}), "bob", "carol")
    assert len(result.questions) == 1


def test_what_bears_on_nothing_asked_makes_no_other_question() -> None:
    known = facts(
        preferences={"bob": [Preference(scope="*", mode="now")], "carol": []},
        addresses={"bob": [address(1)], "carol": [address(2), address(3, "sms")]},
    )
    result = planned(known, "bob", "carol")
    assert len(result.questions) == 1
    assert result.planned[0].question == result.planned[1].question == 0


def test_a_dead_address_is_left_out_and_the_last_one_closes_the_channel() -> None:
    some = planned(facts(addresses={"bob": [address(1, gone=True), address(2)]}), "bob")
    assert [a.id.int for a in some.planned[0].addresses] == [2]
    none = planned(facts(addresses={"bob": [address(1, gone=True)]}), "bob")
    assert gate_of(none) == "reachable"
    assert none.planned[0].visible
    assert none.planned[0].addresses == ()
    assert none.planned[0].gates == BITS["reachable"]


def test_the_inbox_is_never_a_delivery() -> None:
    """Not even for somebody who has a row of addresses that says so: nobody would ever send it."""
    known = facts(addresses={"bob": [address(1, "inbox"), address(2)]})
    (told,) = planned(known, "bob").planned
    assert told.visible
    assert [a.channel for a in told.addresses] == ["email"]


def test_a_stranger_is_a_visible_decision() -> None:
    result = planned(facts(), "nobody")
    (told,) = result.planned
    assert not told.visible
    assert {d.gate for d in told.decisions} == {"active"}
    assert told.decisions[0].verdict is not None
    assert told.decisions[0].verdict.values == {"known": False}


def test_a_one_off_address_is_reached_without_an_inbox() -> None:
    one_off = Address("email", "x@y.test")
    known = facts(addresses={one_off.recipient: [address(9)]})
    result = planned(known, Candidate(one_off.recipient, "direct", one_off))
    (told,) = result.planned
    assert [a.id.int for a in told.addresses] == [9]
    assert not told.visible
    assert gate_of(result, "inbox") == "reachable"


def test_the_actor_is_told_only_where_the_type_says_so() -> None:
    assert gate_of(planned(facts(), "alice")) == "actor"
    telling = declare("cl.merged", {"channels": ["email"], "policy": Policy(tell_actor=True)})
    assert gate_of(planned(facts(), "alice", type=telling)) is None


def test_access_is_asked_about_only_where_the_type_does() -> None:
    assert gate_of(planned(facts(with_access={"bob"}), "bob")) is None
    assert gate_of(planned(facts(with_access=set()), "bob")) == "access"
    assert gate_of(planned(facts(with_access=None), "bob")) is None


def test_the_event_narrows_the_channels_and_never_widens_them() -> None:
    narrowed = event(channels=["email", "sms"])
    result = planned(facts(), "bob", of=narrowed)
    assert gate_of(result) is None
    assert gate_of(result, "inbox") == "enabled"
    assert [d.channel for d in result.planned[0].decisions] == ["inbox", "email"]
    assert {d.gate for d in planned(facts(), "bob", of=event(channels=[])).planned[0].decisions} == {
        "enabled"
    }


def test_the_severity_is_the_event_s_or_else_the_type_s() -> None:
    warning = declare("cl.merged", {"severity": "warning"})
    assert planned(facts(), "bob", type=warning).planned[0].severity is Severity.WARNING
    urgent = planned(facts(), "bob", of=event(severity="urgent"), type=warning)
    assert urgent.planned[0].severity is Severity.URGENT


def test_what_came_of_a_notification_is_asked_again() -> None:
    assert gate_of(planned(facts(), Candidate("bob", "author", withdrawn=True))) == "withdrawn"
    assert gate_of(planned(facts(), Candidate("bob", "author", read=True))) is None
    unless_read = declare("cl.merged", {"channels": ["inbox", "email"], "unless_read": True})
    assert gate_of(planned(facts(), Candidate("bob", "author", read=True), type=unless_read)) == "read"


def test_max_age_counts_from_when_the_event_was_due() -> None:
    happened = event(at=datetime.now(UTC) + timedelta(days=10))
    (question,) = planned(facts(), "bob", of=happened).questions
    assert question.stale_at == happened.at + timedelta(days=3)
    for_ever = declare("cl.merged", {"required": True})
    assert planned(facts(), "bob", type=for_ever).questions[0].stale_at is None


def test_an_empty_page_asks_nothing() -> None:
    assert planned(facts()) == Plan()


names = st.sampled_from(["alice", "bob", "carol", "dora", "erin"])
rows = st.builds(
    Preference,
    scope=st.sampled_from(["type:cl.merged", "category:reviews", "*"]),
    channel=st.sampled_from(["*", "inbox", "email", "sms"]),
    enabled=st.none() | st.booleans(),
    channels=st.none() | st.lists(st.sampled_from(["inbox", "email", "sms"]), max_size=2).map(tuple),
    min_severity=st.none() | st.sampled_from(Severity),
    changed_at=st.none() | st.just(LONG_AGO),
)
stored_addresses = st.lists(
    st.builds(
        StoredAddress,
        id=st.uuids(),
        channel=st.sampled_from(["email", "sms", "inbox"]),
        value=st.text(max_size=3),
        gone=st.booleans(),
    ),
    max_size=3,
)
any_facts = st.builds(
    Facts,
    recipients=st.dictionaries(
        names,
        st.builds(  # each field by its own words: left out, it would be made up from its type
            Recipient,
            id=names,
            time_zone=st.sampled_from(["UTC", "Europe/Berlin"]),
            active=st.booleans(),
            enabled=st.booleans(),
            silent_until=st.none() | st.sampled_from([LONG_AGO, FOREVER]),
            quiet_hours=st.none() | st.sampled_from([BY_NIGHT, BY_DAY]),
            tags=st.none() | st.sampled_from([TagFilter(include=("a*",)), TagFilter(exclude=("b",))]),
        ),
        max_size=4,
    ),
    addresses=st.dictionaries(names, stored_addresses, max_size=4),
    preferences=st.dictionaries(names, st.lists(rows, max_size=4), max_size=4),
    enabled_since=st.dictionaries(st.sampled_from(["inbox", "email", "sms"]), st.just(LONG_AGO)),
    with_access=st.none() | st.sets(names),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(any_facts, st.lists(names, unique=True), st.booleans())
def test_the_record_is_the_decision(known: Facts, who: list[str], required: bool) -> None:
    """Whatever is known of whomever: each answer is that of the question stored for it, and nothing else is sent."""
    type = declare("cl.merged", {"category": "reviews", "channels": ["inbox", "email"], "required": required})
    result = planned(known, *who, type=type)
    assert [told.candidate.recipient for told in result.planned] == who
    assert len(set(result.questions)) == len(result.questions)
    for told in result.planned:
        assert told.decisions == decide(result.questions[told.question])
        open_channels = {d.channel for d in told.decisions if d.told}
        assert told.visible == ("inbox" in open_channels)
        stored = known.addresses.get(told.candidate.recipient, [])
        assert list(told.addresses) == [
            a for a in stored if a.channel in open_channels - {"inbox"} and not a.gone
        ]
        assert told.gates == sum({BITS[d.gate] for d in told.decisions if d.gate})
        for channel in open_channels - {"inbox"}:
            assert any(a.channel == channel for a in told.addresses), "told, but nowhere to go"


@pytest.mark.parametrize("size", [1, 1000])
def test_a_page_of_equals_is_one_question(size: int) -> None:
    ids = [f"r{n}" for n in range(size)]
    known = facts(
        recipients={id: Recipient(id=id, locale="de" if n % 2 else "fr") for n, id in enumerate(ids)},
        addresses={id: [address(n)] for n, id in enumerate(ids)},
    )
    assert len(planned(known, *ids).questions) == 1
