"""What an application calls: declaring, emitting by name, people, preferences, the inbox, and asking why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from clarion import Address, Clarion, ConfigError, Console, InvalidInput, UnknownName
from clarion.event_type import EventType, declare
from tests.store.make import person, told


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Console()])
    made.type("cl.merged", category="reviews", channels=("inbox", "email"))
    made.type("cl.closed", category="chatter")
    yield made
    made.close()


@pytest.fixture
def unused(tmp_path: Path) -> Iterator[Callable[..., Clarion]]:
    """Applications that never talk to their database."""
    made: list[Clarion] = []

    def make(**options: Any) -> Clarion:
        made.append(Clarion(f"sqlite:///{tmp_path / 'unused.db'}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ── Declaring ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_type_is_declared_at_once_and_again_with_its_resolver(unused: Callable[..., Clarion]) -> None:
    app = unused()
    with_audience = app.type("cl.merged", category="reviews", severity="high")
    assert app.types["cl.merged"] == declare("cl.merged", {"category": "reviews", "severity": "high"})

    def audience(_event: Any, _app: Any) -> Any:
        yield "direct", ["bob"]

    assert with_audience(audience) is audience
    assert app.types["cl.merged"] == declare(
        "cl.merged", {"category": "reviews", "severity": "high", "resolver": audience}
    )


def test_declared_twice_is_an_error(unused: Callable[..., Clarion], tmp_path: Path) -> None:
    app = unused()
    app.type("cl.merged")
    with pytest.raises(ConfigError, match=r"event type 'cl\.merged' is declared twice"):
        app.type("cl.merged", category="other")
    (tmp_path / "types.toml").write_text('[types."cl.merged"]')
    from_file = unused(types=tmp_path / "types.toml")
    with pytest.raises(ConfigError, match="declared twice"):
        from_file.type("cl.merged")


def test_two_resolvers_are_one_too_many(unused: Callable[..., Clarion]) -> None:
    decorate = unused().type("cl.merged", resolver=lambda _event, _app: [])
    with pytest.raises(ConfigError, match=r"'cl\.merged' has two resolvers"):
        decorate(lambda _event, _app: [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chanels": []}, "unknown option of event type 'cl.x' 'chanels'; did you mean 'channels'?"),
        ({"severity": "urgnt"}, "unknown severity 'urgnt'; did you mean 'urgent'?"),
        ({"channels": "email"}, "channels must be a list"),
        ({"max_age": "3d"}, "max_age must be a timedelta or a number of days"),
        ({"category": "a:b"}, "must be a word without ':'"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(
    unused: Callable[..., Clarion], options: dict[str, Any], message: str
) -> None:
    app = unused()
    with pytest.raises((ConfigError, UnknownName)) as raised:
        app.type("cl.x", **options)
    assert message in str(raised.value)
    assert app.types == {}


def test_types_from_a_file_are_there_at_once(unused: Callable[..., Clarion], tmp_path: Path) -> None:
    (tmp_path / "types.toml").write_text('[types."cl.merged"]\n[types."cl.closed"]\nrequired = true')
    app = unused(types=str(tmp_path / "types.toml"))
    assert app.types == {
        "cl.merged": EventType(code="cl.merged", max_age=timedelta(days=3)),
        "cl.closed": EventType(code="cl.closed", required=True),
    }


def test_an_impossible_version_is_refused_when_it_is_given(unused: Callable[..., Clarion]) -> None:
    with pytest.raises(ConfigError, match="application version 'v1'"):
        unused(version="v1")


class Inbox(Console):
    name = "inbox"


@pytest.mark.parametrize(
    ("channels", "message"),
    [([Console(), Console()], "'console' is given twice"), ([Inbox()], "'inbox' is built in")],
)
def test_a_channel_has_a_name_of_its_own(
    unused: Callable[..., Clarion], channels: list[Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        unused(channels=channels)


# ── Emitting by name ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type", "fields", "message"),
    [
        ("cl.mergd", {}, "unknown event type 'cl.mergd'; did you mean 'cl.merged'?"),
        ("zzz", {}, "unknown event type 'zzz'; known: cl.closed, cl.merged"),
        ("cl.merged", {"sbject": "x"}, "unknown field of an event 'sbject'; did you mean 'subject'?"),
        ("cl.merged", {"channels": ["emial"]}, "unknown channel 'emial'; did you mean 'email'?"),
        ("cl.merged", {"channels": ["consol"]}, "unknown channel 'consol'; did you mean 'console'?"),
        ("cl.merged", {"to": [Address("mail", "x@y.test")]}, "unknown channel 'mail'; did you mean 'email'?"),
        ("cl.merged", {"severity": "criticl"}, "unknown severity 'criticl'; did you mean 'critical'?"),
        (
            "cl.merged",
            {"at": datetime.now(UTC) + timedelta(days=400)},
            "days ahead; emit it nearer to its time",
        ),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_unknown_name_is_refused_with_the_nearest(
    app: Clarion, type: str, fields: dict[str, Any], message: str
) -> None:
    with app.database.engine.begin() as conn:
        with pytest.raises(InvalidInput) as raised:
            app.emit(conn, type, **fields)
        assert message in str(raised.value)
        with pytest.raises(InvalidInput):
            app.emit_many(conn, [("cl.merged", {}), (type, fields)])  # type: ignore[list-item]
        assert conn.exec_driver_sql("SELECT count(*) FROM clarion_events").scalar_one() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_channels_that_another_process_sends_on_may_be_asked_for(app: Clarion) -> None:
    with app.database.engine.begin() as conn:
        for channel in ("inbox", "email", "console"):
            app.emit(conn, "cl.closed", channels=[channel])


def test_with_no_type_declared_it_says_so(unused: Callable[..., Clarion]) -> None:
    with pytest.raises(UnknownName, match="no event type is declared yet"):
        unused().emit(None, "cl.merged")


# ── The inbox, and asking ────────────────────────────────────────────────────────────────────────────────


def test_the_inbox_of_a_recipient(app: Clarion) -> None:
    def write(conn: Any) -> None:
        person(conn, "bob")
        told(conn, "bob", subject="cl/1")
        told(conn, "bob", subject="cl/2")

    app.database.run(write)
    second, first = app.inbox.list("bob").items
    assert [item.event.subject for item in (second, first)] == ["cl/2", "cl/1"]
    assert app.inbox.count_unread("bob") == 2
    assert [marked.id for marked in app.inbox.mark_read("bob", [first.id, uuid4()])] == [first.id]
    assert app.inbox.count_unread("bob") == 1
    assert app.inbox.list("bob", tenant="other").items == []


def test_why_and_status(app: Clarion) -> None:
    def write(conn: Any) -> UUID:
        person(conn, "bob")
        return told(conn, "bob", "nobody", to=["bob", "nobody"]).id

    id = app.database.run(write)
    bob = app.why(id, "bob")
    assert [(c.channel, c.told) for c in bob.channels] == [("inbox", True), ("email", True)]
    assert [(d.channel, d.address, d.state) for d in bob.deliveries] == [("email", "x@y.test", "waiting")]
    assert {c.gate for c in app.why(id, "nobody").channels} == {"active"}
    assert "was not in the audience" in app.why(id, "carol").sentence
    assert [(row.recipient, row.visible, row.sent_at) for row in app.status(id)] == [
        ("bob", True, {}),
        ("nobody", False, {}),
    ]
    assert app.status(id, tenant="other") == []


def test_why_of_an_event_of_nobody_s_or_of_another_tenant_is_refused(app: Clarion) -> None:
    with app.database.engine.begin() as conn:
        id = app.emit(conn, "cl.merged", to=["bob"])
    assert "not decided yet" in app.why(id, "bob").sentence
    for event, tenant in ((uuid4(), "default"), (id, "other")):
        with pytest.raises(InvalidInput, match=f"there is no event {event} in tenant '{tenant}'"):
            app.why(event, "bob", tenant=tenant)
