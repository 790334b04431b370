from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clarion import Clarion, InvalidInput, UnknownName
from clarion.clock import now
from clarion.store.schema import addresses
from tests.support.working import Wire


@pytest.fixture
def app(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Wire(name="email"), Wire(name="sms")])
    made.recipients.upsert_many(
        [
            {"id": "anna", "name": "Ängström", "addresses": {"email": "Zed@a.test"}, "roles": ["admin"]},
            {"id": "bob", "name": "Anna's brother", "addresses": {"email": ["b@a.test"], "sms": "+1"}},
            {"id": "carol", "active": False, "roles": ["admin", "owner"]},
            {"id": "d%_x", "name": "100%"},
        ]
    )
    made.recipients.upsert("anna", tenant="other")
    yield made
    made.close()


def ids(app: Clarion, *search: str, **options: object) -> list[str]:
    return [one.id for one in app.recipients.find(*search, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ann", ["anna", "bob"]),
        ("ANN", ["anna", "bob"]),
        ("zed@", ["anna"]),
        ("+", ["bob"]),
        ("d%_", ["d%_x"]),
        ("d_", []),
        ("100%", ["d%_x"]),
        ("Äng", ["anna"]),
        ("nna", []),
    ],
)
def test_by_the_beginning_of_id_name_or_address(app: Clarion, search: str, found: list[str]) -> None:
    assert ids(app, search) == found


def test_by_role_by_activity_and_page_by_page(app: Clarion) -> None:
    assert ids(app, role="admin") == ["anna", "carol"]
    assert ids(app, role="admin", active=True) == ["anna"]
    assert ids(app, active=False) == ["carol"]
    assert ids(app, most=2) == ["anna", "bob"]
    assert ids(app, after="bob", most=2) == ["carol", "d%_x"]
    assert ids(app, after="d%_x") == []
    assert ids(app, tenant="other") == ["anna"], "and nobody of another tenant"


def test_one_with_addresses_and_roles(app: Clarion) -> None:
    one = app.recipients.get("carol")
    assert one is not None
    assert (one.active, one.roles, one.addresses) == (False, ("admin", "owner"), ())
    at = now()
    gone = sa.update(addresses).where(addresses.c.value == "+1").values(gone_at=at, gone_reason="unknown")
    app.database.run(lambda conn: conn.execute(gone))
    one = app.recipients.get("bob")
    assert one is not None
    assert [(a.channel, a.value, a.gone_reason) for a in one.addresses] == [
        ("email", "b@a.test", None),
        ("sms", "+1", "unknown"),
    ]
    assert app.recipients.get("bob", tenant="other") is None
    assert app.recipients.get("nobody") is None


def test_addresses_on_some_channels_leave_the_others_alone(app: Clarion) -> None:
    def where() -> list[tuple[str, str]]:
        one = app.recipients.get("bob")
        return [(a.channel, a.value) for a in one.addresses] if one else []

    before = app.recipients.get("bob")
    app.recipients.upsert("bob", addresses_on={"email": ["new@a.test", "b@a.test"]})
    assert where() == [("email", "b@a.test"), ("email", "new@a.test"), ("sms", "+1")]
    after = app.recipients.get("bob")
    assert before is not None
    assert after is not None
    assert set(before.addresses) <= set(after.addresses), "what stays is the same address"
    app.recipients.upsert("bob", addresses_on={"email": []})
    assert where() == [("sms", "+1")]
    app.recipients.upsert("bob", addresses_on={})
    assert where() == [("sms", "+1")]
    app.recipients.upsert_many(
        [{"id": "bob", "addresses": {"email": "b@a.test"}}, {"id": "anna", "addresses_on": {"sms": "+2"}}]
    )
    assert where() == [("email", "b@a.test")], "all of them, where all are given"
    anna = app.recipients.get("anna")
    assert anna is not None
    assert [a.value for a in anna.addresses] == ["Zed@a.test", "+2"]


def test_what_cannot_be_written_can_be_checked_before(app: Clarion) -> None:
    app.recipients.check({"id": "new", "addresses_on": {"sms": "+3"}})
    with pytest.raises(InvalidInput, match=r"recipient 'bob'.*addresses_on some channels, not both"):
        app.recipients.check({"id": "bob", "addresses": {}, "addresses_on": {"sms": "+1"}})
    with pytest.raises(UnknownName, match="unknown channel 'smss'; did you mean 'sms'"):
        app.recipients.check({"id": "bob", "addresses_on": {"smss": "+1"}})
    with pytest.raises(InvalidInput, match=r"must be \{channel: value or values\}"):
        app.recipients.check({"id": "bob", "addresses_on": ["sms"]})  # type: ignore[typeddict-item]
    assert app.recipients.get("new") is None
