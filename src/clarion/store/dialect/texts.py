"""Statements, and parts of them, that are written as text for each of the two, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# The rows that are due in each lane, at most :each a lane: the highest level first, the oldest of it first.
# PostgreSQL passes over rows that another process is claiming; SQLite has one writer at a time, and would forget their
# order, but in an array: it matters in the last lane, of which there may be room for some only.
PICK = {
    "postgresql": """
        SELECT row.here FROM open CROSS JOIN LATERAL (
            SELECT one.here FROM {levels} CROSS JOIN LATERAL (
                SELECT ctid AS here FROM {table} WHERE {due} ORDER BY due_at LIMIT :each
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS one LIMIT :each
        ) AS row LIMIT :most""",
    "sqlite": """
        SELECT row.value AS here FROM open CROSS JOIN json_each((
            SELECT json_group_array(one.here) FROM (
                SELECT one.rowid AS here FROM {levels} CROSS JOIN {table} AS one
                WHERE one.rowid IN (SELECT rowid FROM {table} WHERE {due} ORDER BY due_at LIMIT :each)
                ORDER BY levels.level DESC, one.due_at LIMIT :each
            ) AS one
        )) AS row LIMIT :most""",
}
GIVEN = {
    "postgresql": "SELECT unnest(CAST(:given AS text[]))",
    "sqlite": "SELECT value FROM json_each(:given)",
}
AT_PICKED = {
    "postgresql": "ctid = ANY (ARRAY(SELECT here FROM picked))",
    "sqlite": "rowid IN (SELECT here FROM picked)",
}
# The oldest changes without a number, at most :most, get those behind :newest, and stand among the numbered ones then.
# On PostgreSQL in one statement: what is committed between two, the second would remove and the first not have moved.
_CHANGE = "tenant, at, kind, recipient, row_id, body"
_NUMBER = f"INSERT INTO clarion_changes (n, {_CHANGE}) SELECT :newest + row_number() OVER (ORDER BY id), {_CHANGE} FROM"
_FIRST = "FROM clarion_unnumbered_changes ORDER BY id LIMIT :most"
_REMOVE = "DELETE FROM clarion_unnumbered_changes WHERE"
MOVE_NUMBERED: Mapping[str, Sequence[str]] = {
    "postgresql": [
        f"WITH moved AS ({_REMOVE} ctid = ANY (ARRAY(SELECT ctid {_FIRST})) RETURNING *) {_NUMBER} moved"
    ],
    "sqlite": [f"{_NUMBER} (SELECT * {_FIRST})", f"{_REMOVE} id IN (SELECT id {_FIRST})"],
}
# The oldest counts that are not folded, at most :most, are added to those of their minute, quarter, hour and day.
_COUNTED = "what, channel, type, code"
_ADD = f"INSERT INTO clarion_tallies AS t (tenant, minutes, minute, {_COUNTED}, number)"
_SUMS = f"SELECT tenant, minutes, minute - minute % minutes AS first, {_COUNTED}, CAST(sum(number) AS bigint)"
_LONG = "(SELECT 1 AS minutes UNION ALL SELECT 15 UNION ALL SELECT 60 UNION ALL SELECT 1440) AS long"
_BY = f"GROUP BY tenant, minutes, minute - minute % minutes, {_COUNTED}"
_TO_THE_OTHERS = f"""ON CONFLICT (tenant, minutes, minute, {_COUNTED})
    DO UPDATE SET number = t.number + excluded.number"""
_OLDEST = "FROM clarion_unfolded_tallies ORDER BY id LIMIT :most"
FOLD: Mapping[str, Sequence[str]] = {
    "postgresql": [
        f"""WITH moved AS (
            DELETE FROM clarion_unfolded_tallies
            WHERE ctid = ANY (ARRAY(SELECT ctid {_OLDEST} FOR UPDATE SKIP LOCKED)) RETURNING *
        ), folded AS (
            {_ADD} {_SUMS} FROM moved CROSS JOIN {_LONG} {_BY} ORDER BY tenant, minutes, first, {_COUNTED} {_TO_THE_OTHERS}
        ) SELECT count(*) FROM moved"""  # noqa: S608 - our schema's names
    ],
    "sqlite": [
        f"""{_ADD} {_SUMS} FROM clarion_unfolded_tallies CROSS JOIN {_LONG} WHERE id IN (SELECT id {_OLDEST})
            {_BY} {_TO_THE_OTHERS}""",
        f"DELETE FROM clarion_unfolded_tallies WHERE id IN (SELECT id {_OLDEST})",  # noqa: S608 - as above
    ],
}
