"""What every measurement needs: a durable database, times, the plans of the statements run, and a table of figures."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from tests.support.postgres import Postgres

from clarion.store.database import Database
from clarion.store.migrate import upgrade

RESULTS = Path(__file__).parent / "results"
_INDEX = re.compile(r"\b(?:ix|pk)_clarion_\w+|sqlite_autoindex_clarion_\w+")
# Reads all of a table, or all that a tenant has in it.
_SCAN = re.compile(
    r"Seq Scan on (clarion_\w+)|\bSCAN (clarion_\w+)|SEARCH (clarion_\w+) USING (?:COVERING )?INDEX sqlite_\w+ \(tenant=\?\)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing. `ratio` is the floor's time divided by ours: 1 is as quick as the floor."""

    database: str
    name: str
    p50_ms: float | None = None
    p99_ms: float | None = None
    floor_p50_ms: float | None = None
    ratio: float | None = None
    rate: float | None = None  # things a second
    note: str = ""
    indexes: list[str] = field(default_factory=list)
    scans: list[str] = field(default_factory=list)  # tables with rows read from end to end: none should be


@dataclass(slots=True)
class Opened:
    """A migrated database and what it can tell of itself."""

    name: str
    database: Database
    server: Postgres | None = None

    @property
    def postgresql(self) -> bool:
        return self.server is not None

    def version(self) -> str:
        if self.server is None:
            return f"SQLite {sqlite3.sqlite_version}"
        with self.server.connect() as conn:
            return f"PostgreSQL {conn.execute('SHOW server_version').fetchone()[0]}"  # type: ignore[index]

    def raw(self) -> Any:
        """A connection of the driver itself, for floors; as durable as ours."""
        if self.server is not None:
            import psycopg

            url = self.database.url
            return psycopg.connect(
                host=str(self.server.socket_directory), user="clarion", dbname=url.database
            )
        conn = sqlite3.connect(str(self.database.url.database), isolation_level=None)
        for pragma in ("synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY"):
            conn.execute(f"PRAGMA {pragma}")
        return conn

    def maintain(self, statement: str) -> None:
        """VACUUM and the like, outside any transaction."""
        with self.raw() as conn:
            if self.postgresql:  # the other one always commits each statement
                conn.autocommit = True
            conn.execute(statement)

    def wal_position(self) -> int:
        """Bytes of write-ahead log so far; 0 on SQLite."""
        if self.server is None:
            return 0
        with self.server.connect() as conn:
            found = conn.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()
            return int(found[0])  # type: ignore[index]


@contextmanager
def opened(kind: str) -> Iterator[Callable[[str], Opened]]:
    """A maker of fresh, migrated, durable databases of this kind; all are removed at the end."""
    made: list[Opened] = []

    def keep(one: Opened) -> Opened:
        made.append(one)
        return one

    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
        if kind == "sqlite":

            def make(name: str) -> Opened:
                url = f"sqlite:///{Path(directory) / name}.db"
                upgrade(url)
                return keep(Opened(kind, Database(url)))

            yield make
        else:
            with Postgres() as server:

                def make(name: str) -> Opened:
                    url = server.create_database(name)
                    upgrade(url)
                    return keep(Opened(kind, Database(url), server))

                yield make
                for one in made:
                    one.database.close()
                made.clear()
        for one in made:
            one.database.close()


def times(run: Callable[[], object], repeats: int, *, warm: int = 0) -> list[float]:
    """Milliseconds of each run, after `warm` runs that are not counted."""
    for _ in range(warm):
        run()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def p50(taken: list[float]) -> float:
    return statistics.median(taken)


def p99(taken: list[float]) -> float:
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))]


class Plans:
    """Records the statements that our own functions run, and asks the database how it would run them."""

    def __init__(self, on: Opened, *, show: bool) -> None:
        self._on = on
        self._show = show

    def of(self, name: str, work: Callable[[sa.Connection], object]) -> dict[str, Any]:
        """The indexes used by what `work` runs, and the tables read from end to end. Nothing is committed."""
        seen: list[tuple[str, Any]] = []
        engine = self._on.database.engine

        def record(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
            if not many and statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
                seen.append((statement, parameters))

        explain = "EXPLAIN " if self._on.postgresql else "EXPLAIN QUERY PLAN "
        with engine.connect() as conn, conn.begin() as transaction:
            sa.event.listen(engine, "before_cursor_execute", record)
            try:
                work(conn)
            finally:
                sa.event.remove(engine, "before_cursor_execute", record)
            lines: list[str] = []
            for statement, parameters in {
                statement: (statement, given) for statement, given in seen
            }.values():
                rows = conn.exec_driver_sql(explain + statement, parameters)
                plan = [str(row[-1]) for row in rows]
                lines += plan
                if self._show:
                    print(
                        f"\n-- {self._on.name}: {name}\n{statement.strip()}\n"
                        + "\n".join(f"   {x}" for x in plan)
                    )
            scanned = {name for found in _SCAN.findall("\n".join(lines)) for name in found if name}
            scans = [
                name for name in scanned if conn.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 1").first()
            ]
            transaction.rollback()
        text = "\n".join(lines)
        return {"indexes": sorted(set(_INDEX.findall(text))), "scans": sorted(scans)}


class Bench:
    """One database under measurement, and the figures found so far."""

    def __init__(self, on: Opened, *, plans: bool) -> None:
        self.on = on
        self.run = on.database.run
        self.read = on.database.read
        self.plans = Plans(on, show=plans)
        self.figures: list[Figure] = []

    def add(
        self, name: str, taken: list[float] | None = None, floor: list[float] | None = None, **more: Any
    ) -> None:
        if taken:
            more |= {"p50_ms": p50(taken), "p99_ms": p99(taken)}
        if taken and floor:
            more |= {"floor_p50_ms": p50(floor), "ratio": p50(floor) / p50(taken)}
        self.figures.append(Figure(database=self.on.name, name=name, **more))
        print(".", end="", flush=True)

    def reading(self, name: str, work: Callable[[sa.Connection], object], **more: Any) -> None:
        """A read: often enough that PostgreSQL may have chosen a generic plan (psycopg prepares at the 6th)."""
        taken = times(lambda: self.read(work), 60, warm=15)
        self.add(name, taken, **more, **self.plans.of(name, work))


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "python": platform.python_version(),
        "sqlalchemy": sa.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def show(figures: list[Figure], title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("what", overflow="fold")
    for column in ("p50 ms", "p99 ms", "floor ms", "ratio", "a second"):
        table.add_column(column, justify="right")
    table.add_column("indexes, notes", overflow="fold")
    for f in figures:
        said = [f.note] if f.note else []
        said += [" ".join(name.replace("_clarion", "") for name in f.indexes)] if f.indexes else []
        said += [f"[red]READS ALL OF {', '.join(f.scans)}[/red]"] if f.scans else []
        table.add_row(
            f.name,
            *(_number(x) for x in (f.p50_ms, f.p99_ms, f.floor_p50_ms, f.ratio)),
            "" if f.rate is None else f"{f.rate:,.0f}",
            "; ".join(said),
        )
    Console(width=None if os.isatty(1) else 150).print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def write(name: str, about: dict[str, Any], figures: list[Figure]) -> Path:
    """Keep the figures in `results/`, with what they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    rounded = [
        {
            k: round(v, 3) if isinstance(v, float) else v
            for k, v in asdict(f).items()
            if v not in (None, [], "")
        }
        for f in figures
    ]
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(),
        **about,
        "figures": rounded,
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path
