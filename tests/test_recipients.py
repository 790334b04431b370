"""What an application calls about its recipients: in part, checked by name, atomic, read without writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, Console, InvalidInput, UnknownName, clock
from clarion.configuration import Followed, OnChannel
from clarion.preference import Preference
from clarion.quiet_hours import parse
from clarion.recipient import FOREVER, Recipient
from clarion.severity import Severity
from clarion.store import people
from clarion.store.schema import feed, metadata
from clarion.tag_filter import TagFilter

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Console()])
    made.type("cl.merged", category="reviews", channels=("inbox", "email"), description="Merged")
    made.type("cl.closed", category="chatter")
    made.type("acc.locked", category="security", channels=("email",), required=True)
    yield made
    made.close()


@pytest.fixture
def bob(app: Clarion) -> Clarion:
    app.recipients.upsert("bob")
    return app


only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def person(app: Clarion, id: str = "bob") -> Recipient:
    return app.recipients.said(id).recipient


def everything(app: Clarion) -> dict[str, list[Any]]:
    """Every row of every table, but for the one in which the change feed counts."""
    tables = [table for table in metadata.sorted_tables if table is not feed]
    return app.database.read(lambda conn: {t.name: list(conn.execute(sa.select(t))) for t in tables})


# ── Who there is ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_recipient_is_written_in_part(app: Clarion) -> None:
    app.recipients.upsert(
        "bob",
        name="Bob",
        locale="de",
        time_zone="Europe/Berlin",
        addresses={"email": "b@x.test", "console": ["one", "two", "one"]},
        roles=["admin", "editor", "admin"],
    )
    app.recipients.upsert("bob", enabled=False)
    said = app.recipients.said("bob")
    assert said.recipient == Recipient(
        id="bob", name="Bob", locale="de", time_zone="Europe/Berlin", enabled=False
    )
    assert said.addresses == {"console": ("one", "two"), "email": ("b@x.test",)}
    assert said.roles == ("admin", "editor")
    app.recipients.upsert("bob", addresses={"email": []}, roles=[], time_zone=None, name=None)
    said = app.recipients.said("bob")
    assert (said.addresses, said.roles) == ({}, ())
    assert (said.recipient.name, said.recipient.time_zone, said.recipient.locale) == (None, "UTC", "de")


def test_deactivating_and_activating_again_keeps_what_was_said(bob: Clarion) -> None:
    bob.recipients.prefer("bob", "*", enabled=False)
    bob.recipients.deactivate("bob")
    assert not person(bob).active
    bob.recipients.upsert("bob", active=True)
    assert person(bob).active
    assert bob.recipients.said("bob").preferences == (Preference(scope="*", enabled=False),)


def test_when_somebody_was_there(bob: Clarion, travel: Callable[[timedelta], None]) -> None:
    def last() -> datetime:
        found = bob.database.read(
            lambda c: c.exec_driver_sql("SELECT last_active_at FROM clarion_recipients")
        )
        return found.scalar_one()  # type: ignore[no-any-return]

    bob.recipients.seen("bob")
    first = last()
    bob.recipients.seen("bob", clock.now() - timedelta(days=1))
    assert last() == first
    travel(timedelta(minutes=1))
    bob.recipients.seen("bob")
    assert last() > first
    with pytest.raises(InvalidInput, match="at must be an aware datetime"):
        bob.recipients.seen("bob", datetime(2020, 1, 1))  # noqa: DTZ001 - what is wrong with it


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"time_zone": "Europe/Berlim"}, "unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?"),
        ({"time_zone": "../etc/passwd"}, "unknown time zone"),
        ({"time_zone": ""}, "time_zone is empty"),
        ({"time_zone": 5}, "time_zone must be text, got 5"),
        ({"addresses": {"emial": "x@y.test"}}, "unknown channel 'emial'; did you mean 'email'?"),
        ({"addresses": {"inbox": "x"}}, "the inbox needs no address"),
        ({"addresses": {"email": ""}}, "an address on email is empty"),
        ({"addresses": {"email": 5}}, "addresses['email'] must be a list, got 5"),
        ({"addresses": ["x@y.test"]}, "addresses must be {channel: value or values}"),
        ({"roles": "admin"}, "roles must be a list, got 'admin'"),
        ({"roles": [""]}, "role is empty"),
        ({"name": "a\0b"}, "holds the control character"),
        ({"name": "x" * 300}, "name has 300 characters"),
        ({"active": None}, "active must be True or False, got None"),
        ({"enabled": "no"}, "enabled must be True or False, got 'no'"),
        ({"quiet_hours": "22-7"}, "quiet_hours must be days with spans"),
        ({"quiet_hours": {"mnday": []}}, "unknown day of quiet hours 'mnday'; did you mean 'monday'?"),
        ({"quiet_hours": {"daily": ["25:00-07:00"]}}, "'25:00-07:00' is no span of quiet hours"),
        ({"quiet_hours": {"daily": ["00:00-00:00"]}}, "quiet hours cover the whole week"),
        ({"tags": ["a"]}, "tags must be {'include': […], 'exclude': […]}"),
        ({"tags": {"exlude": []}}, "unknown part of a tag filter 'exlude'; did you mean 'exclude'?"),
        ({"tags": {"include": ["a\nb"]}}, "tags: include 'a\\nb' holds the control character"),
        ({"tags": {"exclude": [str(n) for n in range(101)]}}, "tags: exclude names 101 tags, at most 100"),
        ({"adresses": {}}, "unknown field of a recipient 'adresses'; did you mean 'addresses'?"),
        ({"preferences": {"scope": "*"}}, "preferences must be a list"),
        ({"preferences": [{"scope": "category:review", "mode": "now"}]}, "unknown category 'review'"),
    ],
)
@only_sqlite
def test_a_recipient_that_cannot_be_is_refused_whole(
    app: Clarion, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        app.recipients.upsert("bob", **{"name": "Bob", **values})
    assert message in str(raised.value)
    assert str(raised.value).startswith("recipient 'bob': ")
    with pytest.raises(InvalidInput, match="there is no recipient 'bob'"):
        app.recipients.said("bob")


@pytest.mark.parametrize("id", ["", " ", "a\nb", "x" * 256, 5, None])
@only_sqlite
def test_an_id_that_cannot_be_is_refused(app: Clarion, id: Any) -> None:
    with pytest.raises(InvalidInput, match="a recipient's id"):
        app.recipients.upsert(id)


def test_whoever_is_not_there_can_say_nothing(app: Clarion) -> None:
    r = app.recipients
    calls: list[Callable[[], object]] = [
        lambda: r.prefer("bob", "*", enabled=False),
        lambda: r.configure("bob", enabled=False),
        lambda: r.silence("bob"),
        lambda: r.resume("bob"),
        lambda: r.subscribe("bob", "cl/42"),
        lambda: r.unsubscribe("bob", "cl/42"),
        lambda: r.watch("bob", "cl/42", "none"),
        lambda: r.mute("bob", "cl/42"),
        lambda: r.unmute("bob", "cl/42"),
        lambda: r.deactivate("bob"),
        lambda: r.seen("bob"),
        lambda: r.said("bob"),
    ]
    for call in calls:
        with pytest.raises(
            InvalidInput, match="there is no recipient 'bob' in tenant 'default'; write them first"
        ):
            call()
    assert r.history("bob") == []
    assert not any(everything(app).values())


# ── Many at once ─────────────────────────────────────────────────────────────────────────────────────────


def test_many_are_written_in_part_and_the_same_again_changes_nothing(app: Clarion) -> None:
    def all_of_them() -> Iterator[Any]:
        for n in range(2500):
            yield {
                "id": f"r{n % 2400:04}",  # the last hundred come twice
                "addresses": {"email": f"{n % 2400}@x.test"},
                "preferences": [{"scope": "category:reviews", "channels": ["email"]}],
            }

    assert app.recipients.upsert_many(all_of_them(), by="import") == 2500
    assert app.recipients.upsert_many([]) == 0
    before = everything(app)
    counts = {name.removeprefix("clarion_"): len(rows) for name, rows in before.items() if rows}
    written = ("recipients", "addresses", "preferences", "preference_changes", "unnumbered_changes")
    assert counts == dict.fromkeys(written, 2400)
    app.recipients.upsert_many(all_of_them(), by="import")
    assert everything(app) == before
    app.recipients.upsert_many({"id": f"r{n:04}", "roles": ["editor"]} for n in range(10))
    said = app.recipients.said("r0009")
    assert (said.roles, said.addresses) == (("editor",), {"email": ("9@x.test",)})
    (entry,) = app.recipients.history("r0009")
    assert (entry.by, entry.after["channels"]) == ("import", ["email"])


def test_who_comes_twice_is_written_in_that_order(app: Clarion) -> None:
    app.recipients.upsert_many(
        [{"id": "bob", "name": "first"}, {"id": "eve"}, {"id": "bob", "name": "second"}]
    )
    assert person(app).name == "second"


def test_one_that_cannot_be_written_is_named_and_those_before_its_thousand_are_there(app: Clarion) -> None:
    wrong: list[Any] = [{"id": f"r{n:04}"} for n in range(1500)]
    wrong[1400] = {"id": "r1400", "time_zone": "Mars/Olympus"}
    with pytest.raises(UnknownName, match="recipient 'r1400': unknown time zone 'Mars/Olympus'"):
        app.recipients.upsert_many(wrong)
    assert len(everything(app)["clarion_recipients"]) == 1000


# ── Preferences ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_preference_is_said_in_part_and_unsaid(bob: Clarion) -> None:
    prefer = bob.recipients.prefer
    prefer("bob", "type:cl.merged", channel="email", enabled=False)
    prefer("bob", "*", channels=["email", "email"], min_severity="high")
    prefer("bob", "*", mode="digest")
    assert bob.recipients.said("bob").preferences == (
        Preference(scope="*", channels=("email",), min_severity=Severity.ACTION, mode="digest"),
        Preference(scope="type:cl.merged", channel="email", enabled=False),
    )
    prefer("bob", "*", channels=None, min_severity=None, mode=None)
    assert [p.scope for p in bob.recipients.said("bob").preferences] == ["type:cl.merged"]


@pytest.mark.parametrize(
    ("scope", "values", "message"),
    [
        ("type:cl.mergd", {"enabled": True}, "unknown event type 'cl.mergd'; did you mean 'cl.merged'?"),
        ("category:review", {"enabled": True}, "unknown category 'review'; did you mean 'reviews'?"),
        ("cl.merged", {"enabled": True}, "scope 'cl.merged' must be 'type:…', 'category:…' or '*'"),
        ("", {"enabled": True}, "scope is empty"),
        ("*", {"channel": "emial", "enabled": True}, "unknown channel 'emial'; did you mean 'email'?"),
        ("*", {"channels": ["inbox", "consle"]}, "unknown channel 'consle'; did you mean 'console'?"),
        ("*", {"channels": "email"}, "channels must be a list, got 'email'"),
        ("*", {"channel": "email", "channels": ["email"]}, "channels are said of '*' as a whole"),
        ("*", {"min_severity": "hihg"}, "unknown severity 'hihg'; did you mean 'high'?"),
        ("*", {"mode": "digst"}, "unknown mode 'digst'; did you mean 'digest'?"),
        ("*", {"enabled": "yes"}, "enabled must be True or False, got 'yes'"),
        ("*", {"enabeld": True}, "unknown part of a preference 'enabeld'; did you mean 'enabled'?"),
        ("*", {}, "say something of '*': enabled, channels, min_severity, mode"),
        (
            "type:acc.locked",
            {"enabled": False},
            "'type:acc.locked' is required: nothing that a recipient says",
        ),
        ("type:acc.locked", {"channels": []}, "leave out channels"),
        ("type:acc.locked", {"channel": "email", "min_severity": "urgent"}, "leave out min_severity"),
    ],
)
@only_sqlite
def test_a_preference_about_nothing_known_is_refused(
    bob: Clarion, scope: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        bob.recipients.prefer("bob", scope, **values)
    assert message in str(raised.value)
    assert not bob.recipients.said("bob").preferences


def test_that_a_required_type_is_wanted_may_be_said(bob: Clarion) -> None:
    """As a settings page does that sends all its switches."""
    bob.recipients.prefer("bob", "type:acc.locked", enabled=True)
    bob.recipients.prefer("bob", "category:security", enabled=False)
    required = next(t for t in bob.recipients.said("bob").types if t.type == "acc.locked")
    assert (required.on, required.by) == (True, "required")


def test_several_preferences_are_all_written_or_none(bob: Clarion) -> None:
    good: Any = {"scope": "*", "enabled": False}
    for wrong in (
        {"scope": "type:nothing", "enabled": True},
        {**good, "enabled": True},
        "x",
        {"scope": "*", "x": 1},
    ):
        with pytest.raises(InvalidInput):
            bob.recipients.prefer_many("bob", [good, wrong])  # type: ignore[list-item]  # what is wrong with it
    assert not bob.recipients.said("bob").preferences
    bob.recipients.prefer_many("bob", [good, {"scope": "*", "channel": "email", "mode": "now"}], by="bob")
    assert len(bob.recipients.said("bob").preferences) == 2
    assert {entry.by for entry in bob.recipients.history("bob")} == {"bob"}


def test_the_configuration_changes_in_part(bob: Clarion) -> None:
    hours = {"weekdays": ["22:00-07:00"], "passes": "action"}
    bob.recipients.configure("bob", quiet_hours=hours, tags={"exclude": ["noise*"]})
    bob.recipients.configure("bob", enabled=False, time_zone="Asia/Kathmandu")
    said = person(bob)
    assert said.quiet_hours == parse(hours)
    assert said.tags == TagFilter(exclude=("noise*",))
    assert (said.enabled, said.time_zone) == (False, "Asia/Kathmandu")
    bob.recipients.configure("bob", quiet_hours=None, tags={}, time_zone=None, enabled=True)
    assert person(bob) == Recipient(id="bob")
    bob.recipients.configure("bob", quiet_hours=parse(hours), tags=TagFilter(include=("a",)))
    assert (person(bob).quiet_hours, person(bob).tags) == (parse(hours), TagFilter(include=("a",)))
    with pytest.raises(InvalidInput, match="give what is to change: enabled, time_zone, quiet_hours, tags"):
        bob.recipients.configure("bob")


def test_silence_until_then_for_good_and_no_longer(bob: Clarion) -> None:
    bob.recipients.silence("bob", LATER)
    assert person(bob).silent_until == LATER
    bob.recipients.silence("bob")
    assert person(bob).silent_until == FOREVER
    bob.recipients.resume("bob")
    assert person(bob).silent_until is None
    with pytest.raises(InvalidInput, match="until 2020-01-01T00:00:00\\+00:00 is over already"):
        bob.recipients.silence("bob", datetime(2020, 1, 1, tzinfo=UTC))
    assert [e.after["silent_until"] for e in bob.recipients.history("bob")] == [
        None,
        FOREVER.isoformat(),
        LATER.isoformat(),
    ]


# ── Topics ───────────────────────────────────────────────────────────────────────────────────────────────


def followers(app: Clarion, topic: str) -> list[tuple[str, str]]:
    found = app.database.read(lambda conn: people.subscribers(conn, "default", topic, after=None, most=9))
    return [(candidate.recipient, candidate.reason) for candidate in found]


def test_following_and_leaving_a_topic(bob: Clarion) -> None:
    bob.recipients.subscribe("bob", "cl/42", "cl/43", reason="author")
    bob.recipients.subscribe("bob", "cl/43")
    bob.recipients.unsubscribe("bob", "cl/42", "cl/44")
    bob.recipients.subscribe("bob")
    assert (followers(bob, "cl/42"), followers(bob, "cl/43")) == ([], [("bob", "author")])


def test_a_level_all_subscribes_and_a_mute_says_nothing_of_the_level(bob: Clarion) -> None:
    r = bob.recipients
    r.mute("bob", "cl/42", LATER)
    assert r.said("bob").topics == (Followed(topic="cl/42", muted_until=LATER),)
    r.watch("bob", "cl/42", "all")
    assert followers(bob, "cl/42") == [("bob", "subscribed")]
    r.watch("bob", "cl/42", "mentions")
    r.unsubscribe("bob", "cl/42")
    assert r.said("bob").topics == (Followed(topic="cl/42", level="mentions", muted_until=LATER),)
    r.mute("bob", "cl/42")
    r.watch("bob", "cl/42", None)
    assert r.said("bob").topics == (Followed(topic="cl/42", muted_until=FOREVER),)
    r.unmute("bob", "cl/42")
    assert r.said("bob").topics == ()


@only_sqlite
def test_what_cannot_be_said_of_a_topic_is_refused(bob: Clarion) -> None:
    r = bob.recipients
    with pytest.raises(UnknownName, match="unknown level 'mention'; did you mean 'mentions'"):
        r.watch("bob", "cl/42", "mention")
    with pytest.raises(InvalidInput, match="until must be an aware datetime"):
        r.mute("bob", "cl/42", "tomorrow")  # type: ignore[arg-type]  # what is wrong with it
    for topic in ("", "a\0b", 5):
        with pytest.raises(InvalidInput, match="topic"):
            r.subscribe("bob", topic)  # type: ignore[arg-type]  # as above
    with pytest.raises(InvalidInput, match="reason is empty"):
        r.subscribe("bob", "cl/42", reason="")
    with pytest.raises(InvalidInput, match="by must be text"):
        r.unmute("bob", "cl/42", by=7)  # type: ignore[arg-type]  # as above


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_holds_for_every_type_on_every_channel(bob: Clarion) -> None:
    bob.recipients.prefer("bob", "category:reviews", channel="email", min_severity="action")
    bob.recipients.prefer("bob", "*", channels=["console"], mode="digest")
    closed, merged = (
        next(t for t in bob.recipients.said("bob").types if t.type == code)
        for code in ("cl.closed", "cl.merged")
    )
    assert (merged.category, merged.description, merged.on, merged.by) == ("reviews", "Merged", True, "type")
    assert merged.channels == (
        OnChannel(channel="console", wanted=True, wanted_by="*", min_severity=None, min_severity_by=None, mode="digest"),
        OnChannel(
            channel="email",
            wanted=False,
            wanted_by="*",
            min_severity=Severity.ACTION,
            min_severity_by="category:reviews on email",
            mode="digest",
        ),
        OnChannel(channel="inbox", wanted=False, wanted_by="*", min_severity=None, min_severity_by=None, mode="digest"),
    )  # fmt: skip
    assert closed.description == "Cl closed"
    bob.recipients.configure("bob", enabled=False)
    types = {t.type: t for t in bob.recipients.said("bob").types}
    assert {code: (t.on, t.by) for code, t in types.items()} == {
        "acc.locked": (True, "required"),
        "cl.closed": (False, "global switch"),
        "cl.merged": (False, "global switch"),
    }
    assert [(c.channel, c.wanted, c.mode) for c in types["acc.locked"].channels] == [
        ("console", False, "now"),
        ("email", True, "now"),
        ("inbox", False, "now"),
    ]


def test_reading_never_writes(bob: Clarion) -> None:
    before = everything(bob)
    bob.recipients.said("bob")
    bob.recipients.history("bob")
    with pytest.raises(InvalidInput):
        bob.recipients.said("carol")
    assert everything(bob) == before


def test_tenants_never_mix(bob: Clarion) -> None:
    bob.recipients.upsert("bob", tenant="other", roles=["admin"])
    bob.recipients.prefer("bob", "*", enabled=False, tenant="other")
    bob.recipients.mute("bob", "cl/42", tenant="other")
    said = bob.recipients.said("bob")
    assert (said.roles, said.preferences, said.topics, bob.recipients.history("bob")) == ((), (), (), [])
    assert len(bob.recipients.history("bob", tenant="other")) == 2


def test_an_unknown_time_zone_names_the_nearest_or_says_how_one_is_written(app: Clarion) -> None:
    with pytest.raises(UnknownName, match="did you mean 'Europe/Berlin'"):
        app.recipients.upsert("bob", time_zone="Europe/Berln")
    with pytest.raises(UnknownName, match="known: America/New_York, Asia/Tokyo, Europe/Berlin, UTC, …"):
        app.recipients.upsert("bob", time_zone="42")
