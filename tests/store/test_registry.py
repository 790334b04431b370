"""What is declared is kept for those who look from outside, and an upgrade in progress undoes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion, ConfigError, Console, Cooldown, Escalation, NotMigrated, Policy, Severity
from clarion.store import registry
from clarion.store.registry import sortable
from clarion.store.schema import event_types, type_channels
from tests.store.starters import start_together

Make = Callable[..., Clarion]
Travel = Callable[[timedelta], None]


@pytest.fixture
def app(database_url: str) -> Iterator[Make]:
    made: list[Clarion] = []

    def make(version: str = "1", **options: Any) -> Clarion:
        made.append(Clarion(database_url, version=version, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def declared(app: Clarion) -> dict[str, Any]:
    return {
        row.code: row for row in app.database.read(lambda conn: conn.execute(sa.select(event_types)).all())
    }


def since(app: Clarion, code: str = "cl.x") -> dict[str, Any]:
    return app.database.read(lambda conn: registry.enabled_since(conn, [code])).get(code, {})


def test_everything_declared_can_be_read_from_outside(app: Make) -> None:
    one = app("1.4")

    def may_know(_event: object, ids: Any, _app: object) -> Any:
        return ids

    @one.type(
        "cl.x",
        category="reviews",
        description="Something",
        severity="action",
        channels=["inbox", "email"],
        required=True,
        enabled=False,
        unless_read=True,
        max_age=2,
        access=may_know,
        policy=Policy(
            tell_actor=True,
            cooldown=Cooldown(minutes=15, key="thread", channels=["email"], exempt="urgent"),
            escalation=(
                Escalation(repeats=3),
                Escalation(after=timedelta(hours=1), severity=Severity.URGENT),
            ),
        ),
    )
    def audience(_event: object, _app: object) -> Any:
        yield "direct", ["bob"]

    one.start()
    row = declared(one)["cl.x"]
    assert (row.category, row.description, row.severity) == ("reviews", "Something", 2)
    assert (row.channels, row.required, row.enabled) == (["inbox", "email"], True, False)
    assert row.options == {
        "unless_read": True,
        "max_age_seconds": 2 * 86400.0,
        "access": True,
        "resolver": True,
        "tell_actor": True,
        "retry_waits_seconds": [5.0, 30.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0],
        "cooldown": {
            "limit": 1,
            "window_seconds": 900.0,
            "key": ["thread"],
            "channels": ["email"],
            "charge": "notification",
            "overflow": "suppress",
            "exempt": "urgent",
        },
        "throttle": None,
        "escalation": [
            {"repeats": 3, "after_seconds": None, "severity": None, "renotify": True},
            {"repeats": None, "after_seconds": 3600.0, "severity": "urgent", "renotify": True},
        ],
        "looks_back_seconds": 3600.0,
    }
    assert one.database.read(lambda conn: registry.has_resolver(conn, "cl.x"))
    assert not one.database.read(lambda conn: registry.has_resolver(conn, "cl.unknown"))


def test_starting_again_changes_nothing_but_the_time(app: Make, travel: Travel) -> None:
    one = app()
    one.type("cl.x")
    one.start()
    before, open_since = declared(one)["cl.x"], since(one)
    travel(timedelta(hours=1))
    one.start()
    after = declared(one)["cl.x"]
    assert after.declared_at == before.declared_at
    assert after.updated_at > before.updated_at
    assert since(one) == open_since


def test_what_is_no_longer_declared_stays(app: Make) -> None:
    first, second = app("1"), app("2")
    first.type("cl.gone")
    second.type("cl.new")
    first.start()
    second.start()
    assert set(declared(second)) == {"cl.gone", "cl.new"}
    assert since(second, "cl.gone")


# First one version starts, then the other: which one's declaration stands?
ORDERS = [
    ("1", "2", "second"),
    ("2", "1", "first"),
    ("1", "1", "second"),
    ("1.9", "1.10", "second"),
    ("1.10", "1.9", "first"),
    ("1.4", "1.4.0", "second"),
    ("1.4.0", "1.4", "second"),
    ("1.4.0.1", "1.4", "first"),
    ("9", "10", "second"),
    ("99999999", "100000", "first"),
]


def test_an_older_version_never_undoes_a_newer(app: Make) -> None:
    for n, (first, second, stands) in enumerate(ORDERS):
        for version, description in ((first, "first"), (second, "second")):
            one = app(version)
            one.type(f"cl.n{n}", description=description)
            one.start()
        assert declared(one)[f"cl.n{n}"].description == stands, (first, second)


def test_a_channel_is_open_since_it_was_first_there(app: Make, travel: Travel) -> None:
    first, second = app(), app(channels=[Console()])
    for one in (first, second):
        one.type("cl.x", channels=["inbox", "console"])
    first.start()
    at_first = since(first)
    assert set(at_first) == {"inbox"}
    travel(timedelta(hours=1))
    second.start()
    assert since(second)["inbox"] == at_first["inbox"]
    assert since(second)["console"] > at_first["inbox"]
    travel(timedelta(hours=1))
    kept = since(second)
    first.start()
    second.start()
    assert since(second) == kept


def test_ten_processes_at_once(database_url: str, app: Make) -> None:
    assert start_together(database_url, ["1"] * 10) == [None] * 10
    one = app()
    assert len(declared(one)) == 20
    rows = one.database.read(lambda conn: conn.execute(sa.select(type_channels)).all())
    assert len(rows) == 40


def test_two_versions_of_ten_processes_at_once(database_url: str, app: Make) -> None:
    versions = ["1.9", "1.10"] * 5
    assert start_together(database_url, versions) == [None] * 10
    assert {row.description for row in declared(app()).values()} == {"as of 1.10"}


def test_without_tables_nothing_starts(empty_database_url: str) -> None:
    one = Clarion(empty_database_url)
    with pytest.raises(NotMigrated, match="run `clarion migrate`"):
        one.start()
    one.close()


def test_nothing_declared_is_nothing_written(app: Make) -> None:
    one = app()
    one.start()
    assert declared(one) == {}


@pytest.mark.parametrize("version", ["0", "1", "1.2.3.4", "00000001", "2026.11.20"])
def test_versions(version: str) -> None:
    assert len(sortable(version)) == 4 * 8 + 3


def test_versions_sort_as_text() -> None:
    versions = ["0", "0.0.1", "0.9", "0.10", "1", "1.0.1", "1.2", "1.10", "2", "10", "2026.11.20", "99999999"]
    assert sorted(versions, key=sortable) == versions
    assert sortable("1.4") == sortable("1.4.0") == sortable("01.4")


@pytest.mark.parametrize(
    "version", ["", "v1", "1.", ".1", "1.2.3.4.5", "1.0rc1", "1-2", "123456789", "1\n", "١", 1.4, None]
)
def test_other_versions_are_refused_with_an_example(version: Any) -> None:
    with pytest.raises(ConfigError, match=r"use up to four numbers such as '1\.4\.2'"):
        sortable(version)
