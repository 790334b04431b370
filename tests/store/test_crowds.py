"""The people of a group: page by page, of one tenant, the active ones only, by the indexes that are meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from clarion import Active, Clarion, Everyone, Role
from clarion.group import Group
from clarion.store import crowds
from tests.support.groups import settle

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url)
    yield made
    made.close()


def walked(
    clarion: Clarion, group: Group, *, page: int = 3, at: datetime = NOON, tenant: str = "default"
) -> list[str]:
    """Everybody in a group, read in pages."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        told = clarion.database.read(
            lambda conn, after=after: crowds.members(conn, tenant, group, at, after=after, most=page)  # type: ignore[misc]
        )
        found += told
        if len(told) < page:
            return found


ODD = ["Zoe", "adam", "Ådne", "émile", "zoe", "a b", "a-b", "ab", "ß", "日本", "_", "A"]


@pytest.mark.parametrize("group", [Role("admin"), Active(days=30), Everyone()], ids=str)
@pytest.mark.parametrize("page", [1, 2, 5, 12, 13])
def test_everybody_once_whatever_the_ids(clarion: Clarion, group: Group, page: int) -> None:
    """Their order is the database's own, and differs between databases: nobody is passed over for it."""
    settle(clarion, ODD, roles=["admin", "owner"], seen=NOON)
    found = walked(clarion, group, page=page)
    assert sorted(found) == sorted(ODD)


def test_the_inactive_and_other_tenants_are_left_out(clarion: Clarion) -> None:
    settle(clarion, ["a", "c"], roles=["admin"], seen=NOON)
    settle(clarion, ["b"], roles=["admin"], seen=NOON, active=False)
    settle(clarion, ["a", "x"], roles=["admin"], seen=NOON, tenant="other")
    settle(clarion, ["plain"], roles=["owner"])
    assert walked(clarion, Role("admin"), page=1) == ["a", "c"]
    assert walked(clarion, Active(days=30), page=1) == ["a", "c"]
    assert walked(clarion, Everyone(), page=1) == ["a", "c", "plain"]
    assert walked(clarion, Everyone(), page=1, tenant="other") == ["a", "x"]
    assert walked(clarion, Role("nobody"), page=1) == []


def test_active_counts_from_the_event(clarion: Clarion) -> None:
    day = timedelta(days=1)
    settle(clarion, ["just"], seen=NOON - 30 * day)
    settle(clarion, ["late"], seen=NOON - 30 * day - timedelta(microseconds=1))
    settle(clarion, ["after"], seen=NOON + day)
    settle(clarion, ["never"])
    assert walked(clarion, Active(days=30)) == ["after", "just"]
    assert walked(clarion, Active(days=30), at=NOON + 2 * day) == ["after"]


@pytest.mark.parametrize("analysed", [False, True])
@pytest.mark.parametrize("group", [Role("admin"), Active(days=30), Everyone()], ids=str)
def test_a_page_is_an_index_scan(clarion: Clarion, group: Group, analysed: bool) -> None:
    """Nothing is sorted, and no more is read than leads to the page."""
    settle(clarion, [f"p{n:05}" for n in range(0, 20_000, 2)], roles=["admin", "owner"], seen=NOON)
    settle(clarion, [f"p{n:05}" for n in range(1, 20_000, 2)], seen=NOON)
    if analysed:
        clarion.database.run(lambda conn: conn.execute(sa.text("ANALYZE")))
    plans: list[str] = []

    def explained(conn: sa.Connection) -> None:
        sa.event.listen(conn, "before_cursor_execute", explaining, retval=True)
        crowds.members(conn, "default", group, NOON, after="p01000", most=100)

    def explaining(
        conn: sa.Connection, _cursor: object, statement: str, parameters: object, *_: object
    ) -> tuple[str, object]:
        if not statement.startswith("SELECT"):
            return statement, parameters
        words = "EXPLAIN" if conn.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        with closing(conn.connection.cursor()) as cursor:
            cursor.execute(f"{words} {statement}", parameters)
            plans.extend(str(row) for row in cursor.fetchall())
        return statement, parameters

    clarion.database.read(explained)
    plan = "\n".join(plans)
    assert "Seq Scan" not in plan, plan
    assert "SCAN clarion" not in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    table = "recipient_roles" if isinstance(group, Role) else "recipients"
    assert f"pk_clarion_{table}" in plan or f"sqlite_autoindex_clarion_{table}_1" in plan, plan
