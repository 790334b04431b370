"""The demo's people fit its webhooks: every gate has something to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from babel import Locale

from clarion import event
from clarion.demo.payloads import payloads
from clarion.demo.people import Person, may_see, people
from clarion.event import Event
from clarion.severity import Severity
from clarion.sources import github

PEOPLE = {person.id: person for person in people()}


def emitted() -> Iterator[Event]:
    for received in payloads():
        for code, fields in github.events(received.name, received.payload, delivery=received.delivery):
            yield event.make(code, fields)


def told(happened: Event) -> set[str]:
    """Whom the event names, and who subscribes to its topic."""
    named = {who for _, people in happened.to for who in people if isinstance(who, str)}
    return named | {person.id for person in people() if happened.topic in person.topics}


def test_about_twenty_people_of_several_languages() -> None:
    assert 18 <= len(PEOPLE) <= 24
    assert len(PEOPLE) == len(people())
    assert {"en", "de", "fr", "es", "pt_BR", "ja", "ar"} <= {person.recipient.locale for person in people()}


def test_languages_and_time_zones_exist() -> None:
    for person in people():
        ZoneInfo(person.recipient.time_zone)
        if person.recipient.locale:
            Locale.parse(person.recipient.locale)


def test_ids_topics_and_repositories_are_in_the_normal_form() -> None:
    topics = {happened.topic for happened in emitted()}
    for person in people():
        assert person.id == github.recipient_id(person.id)
        assert person.topics == tuple(topic.lower() for topic in person.topics)
        assert set(person.topics) <= topics
        assert all(name == name.lower() for name in person.private_repositories)


def test_every_preference_is_about_something_that_is_declared() -> None:
    known = {"*"} | {f"type:{code}" for code in github.TYPES}
    known |= {f"category:{options['category']}" for options in github.TYPES.values()}
    for person in people():
        keys = [(said.scope, said.channel) for said in person.preferences]
        assert len(set(keys)) == len(keys)
        assert {scope for scope, _ in keys} <= known
        assert {channel for _, channel in keys} <= {"*", "inbox", "email"}


def test_every_webhook_concerns_somebody() -> None:
    assert [happened.type for happened in emitted() if not told(happened) & set(PEOPLE)] == []


def test_everybody_hears_of_something() -> None:
    heard = Counter(who for happened in emitted() for who in told(happened))
    assert set(PEOPLE) <= set(heard)


def stopped(person: Person) -> set[str]:
    """The gates that this person's own row can close."""
    said = person.preferences
    return {
        gate
        for gate, closes in {
            "active": not person.recipient.active,
            "consent": not person.recipient.enabled
            or any(row.enabled is False or row.channels == () for row in said),
            "severity": any(row.min_severity is not None for row in said),
            "reachable": not any(address.channel == "email" for address in person.addresses),
        }.items()
        if closes
    }


def test_every_gate_has_something_to_show() -> None:
    gates = Counter(gate for person in people() for gate in stopped(person))
    assert gates["active"] == 1
    assert gates["reachable"] == 2
    assert gates["consent"] >= 3
    assert gates["severity"] >= 2
    assert sum(not person.recipient.enabled for person in people()) == 1
    assert any(row.min_severity is Severity.ACTION for row in PEOPLE["jonas-weber"].preferences)
    assert any(told(happened) - set(may_see(happened, told(happened))) for happened in emitted())
    assert any(happened.actor in told(happened) for happened in emitted())


def test_private_repositories_are_for_those_who_were_let_in() -> None:
    private = [happened for happened in emitted() if happened.data["private"]]
    assert {happened.data["repository"] for happened in private} == {
        "Codertocat/Hello-World",
        "Codertocat/hello-world-npm",
        "octo-org/octo-repo",
    }
    package = next(happened for happened in private if happened.type == "github.package.published")
    assert list(may_see(package, ["codertocat", "tom-baker", "nobody"], None)) == ["codertocat"]
    public = next(happened for happened in emitted() if not happened.data["private"])
    assert list(may_see(public, ["tom-baker", "nobody"], None)) == ["tom-baker", "nobody"]


def test_addresses_lead_nowhere() -> None:
    for person in people():
        for address in person.addresses:
            assert address.channel == "email"
            assert address.value.endswith(".test")
