"""One migrated PostgreSQL database for test after test, emptied in between: a copy for each costs more than most tests.

Each test knows it by another name, so that whatever an earlier one has left running does not find it. One in which more
than rows was changed is dropped, and a new copy takes its place.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from tests.support.postgres import Postgres

FILLED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
OTHERS = """
SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Whatever is altered, added or dropped shows here. Which file a table is in does not: emptying changes it.
SHAPE = """
SELECT
    (SELECT array_agg(concat_ws(' ', oid, relname, relkind, relacl, reloptions, relpersistence) ORDER BY oid)
       FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text !~ '^pg_temp'),
    (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM pg_attribute
      WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)),
    (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM pg_constraint),
    (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM pg_attrdef),
    (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM pg_trigger),
    (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM pg_proc),
    (SELECT array_agg(nspname ORDER BY oid) FROM pg_namespace WHERE nspname !~ '^pg_'),
    (SELECT count(*) FROM pg_db_role_setting
      WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_numbers = itertools.count()


class Lent:
    """`lend` it to a test, and `take_back` what the test has done with it."""

    def __init__(self, server: Postgres, template: str) -> None:
        self.server, self.template = server, template
        self._name = ""
        self._shape: object = None
        self._rows: dict[str, bytes] = {}  # of the tables that are not empty in the template

    def lend(self) -> str:
        """The URL of a database with the tables of Clarion and no rows."""
        name = f"test_{next(_numbers)}"
        if not (self._name and self._renamed(name)):
            self.server.create_database(name, self.template)
            with self.server.connect(name) as connection:
                self._shape = _shape(connection)
                self._rows = {table: _copy(connection, table) for table in _filled(connection)}
        self._name = name
        return self.server.url(name)

    def take_back(self) -> None:
        try:
            with self.server.connect(self._name) as connection:
                usable = self._empty(connection)
        except psycopg.Error:  # the test has dropped it, or locked us out
            usable = False
        if not usable:
            self.server.drop_database(self._name)
            self._name = ""

    def _renamed(self, name: str) -> bool:
        """Unless something of the last test has come back to it."""
        with self.server.connect() as connection, suppress(psycopg.errors.ObjectInUse):
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(self._name), sql.Identifier(name)
                )
            )
            return True
        self.server.drop_database(self._name)
        return False

    def _empty(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether it is as it was when it was new; not if more than rows was changed."""
        if connection.execute(OTHERS, [self._name]).fetchone() != (0,):
            return False
        if _shape(connection) != self._shape:
            return False
        filled = {*_filled(connection), *self._rows}
        tables = sql.SQL(", ").join(map(sql.Identifier, sorted(filled)))
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
        for table, rows in self._rows.items():
            with connection.cursor().copy(
                sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
            ) as copy:
                copy.write(rows)
        connection.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")
        return True


def _shape(connection: psycopg.Connection[Any]) -> object:
    return connection.execute(SHAPE).fetchone()


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute(FILLED)]


def _copy(connection: psycopg.Connection[Any], table: str) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(map(bytes, copy))
