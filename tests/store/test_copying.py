"""Many rows at once come out as they went in, whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import ids
from clarion.store import copying, dialect, inserting
from clarion.store.database import Database
from clarion.store.schema import addresses, notifications

NOW = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
TEXTS = (
    *(
        "plain",
        "",
        " ",
        "\\N",
        "\\",
        "\\.",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\x0b\x0c",
        "{\"a\": 'b'}",
        "ÄÖ 漢字 🎉",
        "100 %s of %(x)s %%",
    ),
    *("same", "same", "same"),
)


def come_back(
    db: Database, table: sa.Table, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> list[Any]:
    db.run(lambda conn: inserting.many(conn, table, columns, rows))
    found = sa.select(*(table.c[name] for name in columns)).order_by(table.c.id)
    return [tuple(row) for row in db.read(lambda conn: conn.execute(found).all())]


def test_texts_bytes_and_nothing(db: Database) -> None:
    columns = ("tenant", "id", "recipient", "channel", "value", "locale", "secret", "created_at")
    rows = [
        ("t", id, f"r{n}", "email", text, None if n % 2 else text, None if n % 3 else text.encode(), NOW)
        for n, (id, text) in enumerate(zip(ids.several(len(TEXTS)), TEXTS, strict=True))
    ]
    assert come_back(db, addresses, columns, rows) == rows


def test_numbers_truth_instants_and_json(db: Database) -> None:
    columns = ("tenant", "id", "event_id", "recipient", "reason", "severity", "question", "visible", "gates")
    columns += ("verdicts", "created_at", "read_at", "place")
    shared = {"email": ["cooldown", {"key": "a\tb\\n\n", "taken": 1}]}
    verdicts = [shared, None, {}, shared, {"x": [None, 1.5, True]}, shared, shared]
    summer = timezone(timedelta(hours=2))
    rows = [
        (
            *("t", id, ids.uuid7(), f"r{n}", "direct", n % 2, n, n % 2 == 0, 1 << n * 5, verdict),
            *(NOW.astimezone(summer), None if n % 2 else NOW + timedelta(days=n), id),
        )
        for n, (id, verdict) in enumerate(zip(ids.several(len(verdicts)), verdicts, strict=True))
    ]
    assert come_back(db, notifications, columns, rows) == rows


def test_what_all_rows_share_and_what_two_columns_share() -> None:
    some = ids.several(2)
    types = [sa.Text(), sa.Uuid(), sa.Uuid(), sa.Uuid(), sa.Integer()]
    rows = [("100 %s\\", id, id, other, 7) for id, other in zip(some, reversed(some), strict=True)]
    a, b = (id.hex for id in some)
    told = copying.text(types, rows)
    assert told == f"100 %s\\\\\t{a}\t{a}\t{b}\t7\n100 %s\\\\\t{b}\t{b}\t{a}\t7\n"
    assert copying.text([sa.Text(), sa.Integer()], [("%", None)] * 3) == "%\t\\N\n" * 3


def test_of_several_tables_those_without_rows_are_passed_over(db: Database) -> None:
    rows = [("t", ids.uuid7(), "bob", "email", "b@x.test", NOW)]
    columns = ("tenant", "id", "recipient", "channel", "value", "created_at")
    tables: list[dialect.Rows] = [(notifications, ("tenant", "id"), []), (addresses, columns, rows)]
    db.run(lambda conn: inserting.in_turn(conn, tables))
    assert db.read(lambda conn: conn.execute(sa.select(addresses.c.recipient)).scalars().all()) == ["bob"]


def test_what_the_database_refuses_is_said_as_everywhere(db: Database) -> None:
    columns = ("tenant", "id", "recipient", "channel", "value", "created_at")
    row = ("t", ids.uuid7(), "bob", "email", "b@x.test", NOW)
    with pytest.raises(sa.exc.IntegrityError):
        db.run(lambda conn: inserting.many(conn, addresses, columns, [row, row]))
    assert come_back(db, addresses, columns, [row]) == [row]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_is_known_for_it(db: Database) -> None:
    columns = ("tenant", "id", "recipient", "channel", "value", "created_at")
    row = ("t", ids.uuid7(), "bob", "email", "b@x.test", NOW)

    def cut_off(conn: sa.Connection) -> None:
        mine = conn.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()
        db.read(lambda other: other.execute(sa.select(sa.func.pg_terminate_backend(mine))))
        inserting.many(conn, addresses, columns, [row])

    with pytest.raises(sa.exc.OperationalError) as lost:
        db.run(cut_off)
    assert lost.value.connection_invalidated
    assert come_back(db, addresses, columns, [row]) == [row]


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="Float"):
        copying.text([sa.Float()], [(1.5,)])
