from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.clock import now
from clarion.examination.database import compared
from clarion.examination.finding import Finding, Level
from clarion.examination.waiting import declared, sending, unserved
from clarion.store import pauses
from clarion.store.backlog import Backlog
from clarion.store.schema import events, queue
from tests.conftest import copy_sqlite
from tests.support.command import Ended, clarion
from tests.support.postgres import Postgres
from tests.support.smtp import Fault, FaultServer, drop, hang, say
from tests.support.working import Wire, count, emit, limits, people, until, working

pytestmark = pytest.mark.anyio

AUTH = "AUTH PLAIN"
CLINIC = """
import os
from datetime import timedelta
from clarion import Clarion, Email

clarion = Clarion(
    os.environ["CLINIC_DATABASE"],
    channels=[Email(os.environ["CLINIC_SMTP"], sender="A <a@acme.test>", timeout=timedelta(seconds=float(os.environ["CLINIC_TIMEOUT"])))],
)
clarion.type("note", channels=["email"])
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    (tmp_path / "clinic.py").write_text(CLINIC)
    return tmp_path


async def doctor(clinic: Path, url: str, smtp: str, *options: str, timeout: float = 30) -> Ended:
    env = {
        "CLARION_APP": "clinic:clarion",
        "CLINIC_DATABASE": url,
        "CLINIC_SMTP": smtp,
        "CLINIC_TIMEOUT": str(timeout),
    }
    return await asyncio.to_thread(clarion, "doctor", *options, cwd=clinic, env=env)


def found(ended: Ended) -> Mapping[str, dict[str, Any]]:
    return {one["about"]: one for one in json.loads(ended.out)["findings"]}


def started(url: str) -> Clarion:
    """The application's doctor's patient, with a channel of its own beside the real one."""
    made = Clarion(url, channels=[Wire(name="email")], limits=limits())
    made.type("note", channels=["email"])
    made.start()
    return made


async def test_all_is_well(clinic: Path, database_url: str) -> None:
    started(database_url).close()
    async with FaultServer(AUTH) as server:
        smtp = server.url.replace("//", "//olga:hunter2@")
        said = await doctor(clinic, database_url, smtp)
        assert (said.code, said.err) == (0, "")
        listed = await doctor(clinic, database_url, smtp, "--json")
        assert server.heard[-1] == "QUIT"
        assert not {line[:4] for line in server.heard} & {"MAIL", "RCPT", "DATA"}, "nothing is sent"
        assert server.open_now == 0
    for out in (said.out, listed.out):
        assert "olga:***@" in out
        assert "hunter2" not in out
    assert "0 warning, 0 trouble" in said.out
    assert json.loads(listed.out)["trouble"] is False
    assert set(found(listed)) == {
        "database", "migrations", "channel email", "writing", "clock", "pauses", "backlog", "events", "types",
    }  # fmt: skip
    assert {one["level"] for one in found(listed).values()} == {"ok"}


async def test_it_begins_with_the_settings_in_force(clinic: Path, database_url: str) -> None:
    started(database_url).close()
    async with FaultServer(AUTH) as server:
        (clinic / "held").write_text(server.url.replace("//", "//olga:hunter2@") + "\n")
        (clinic / "clarion.toml").write_text(
            'retention = "90d"\n[mail]\nsmtp_file = "held"\nsender = "A <a@acme.test>"'
        )
        env = {"CLARION_DATABASE": database_url}
        ended = await asyncio.to_thread(clarion, "doctor", cwd=clinic, env=env)
        listed = await asyncio.to_thread(clarion, "doctor", "--json", cwd=clinic, env=env)
    assert (ended.code, ended.err) == (0, "")
    first, *rest = ended.out.splitlines()
    assert first == "settings, clarion.toml read:"
    assert '  retention = "90d"  (clarion.toml)' in rest
    smtp = server.url.replace("//", "//olga:***@")
    assert f'  mail.smtp = "{smtp}"  (clarion.toml, held in held)' in rest
    assert "  database = " in rest[0]
    assert "(CLARION_DATABASE)" in rest[0]
    assert any("more by default" in line for line in rest)
    assert "✓ channel email: works: smtp://olga:***@" in ended.out
    said = json.loads(listed.out)
    of = {one["key"]: one for one in said["settings"]}
    assert said["file"] == "clarion.toml"
    assert (of["mail.smtp"]["value"], of["mail.smtp"]["held_in"]) == (smtp, "held")
    assert of["worker.batch"]["from"] == "default"
    assert "hunter2" not in ended.out + listed.out


@pytest.mark.parametrize(
    ("stage", "fault", "code", "remedy"),
    [
        ("connect", hang, "timeout", "firewall"),
        ("ehlo", hang, "timeout", "firewall"),
        ("auth", hang, "timeout", "firewall"),
        ("connect", drop, "connect", "port"),
        ("connect", say("421 4.3.2 too busy"), "smtp_421", "waits"),
        ("auth", say("535 5.7.8 hunter2 is wrong"), "auth", "password"),
    ],
)
async def test_a_channel_in_trouble(
    clinic: Path, database_url: str, stage: str, fault: Fault, code: str, remedy: str
) -> None:
    started(database_url).close()
    async with FaultServer(AUTH) as server:
        server.at(stage, fault)
        smtp = server.url.replace("//", "//olga:hunter2@")
        ended = await doctor(clinic, database_url, smtp, "--json", timeout=1 if fault is hang else 30)
    assert ended.code == 1
    channel = found(ended)["channel email"]
    assert channel["level"] == "trouble"
    assert channel["seen"].startswith(code)
    assert remedy in channel["remedy"]
    assert "hunter2" not in ended.out + ended.err
    assert found(ended)["writing"]["level"] == "ok", "the rest is looked at all the same"


async def test_nobody_listens(clinic: Path, database_url: str) -> None:
    started(database_url).close()
    ended = await doctor(clinic, database_url, "smtp://127.0.0.1:9")
    assert ended.code == 1
    assert "✗ channel email: connect: " in ended.out
    assert "→ see that the server runs" in ended.out
    assert "1 trouble" in ended.out


async def test_an_empty_database(clinic: Path, empty_database_url: str) -> None:
    async with FaultServer() as server:
        ended = await doctor(clinic, empty_database_url, server.url, "--json")
    assert ended.code == 1
    about = "database" if empty_database_url.startswith("sqlite") else "migrations"
    assert found(ended)[about]["level"] == "trouble"
    assert "clarion migrate" in found(ended)[about]["remedy"]
    assert found(ended)["channel email"]["level"] == "ok"
    assert not list(clinic.glob("empty.db")), "looking leaves no file behind"


async def test_a_database_out_of_reach(clinic: Path) -> None:
    gone = "postgresql://olga:hunter2@127.0.0.1:9/shop"
    ended = await doctor(clinic, gone, "smtp://127.0.0.1:9", "--json")
    assert ended.code == 1
    assert "cannot be reached" in found(ended)["database"]["seen"]
    assert found(ended)["database"]["values"] == {"url": "postgresql://olga:***@127.0.0.1:9/shop"}
    assert "hunter2" not in ended.out + ended.err


async def test_a_file_that_is_no_database(clinic: Path) -> None:
    (clinic / "no.db").write_text("dear diary, " * 500)
    ended = await doctor(clinic, f"sqlite:///{clinic}/no.db", "smtp://127.0.0.1:9", "--json")
    assert ended.code == 1
    assert "cannot be reached" in found(ended)["database"]["seen"]
    assert found(ended)["database"]["remedy"] == "it is no SQLite file: name another"


async def test_a_database_that_takes_no_writes(
    clinic: Path, postgres: Postgres, migrated_postgres: str
) -> None:
    """The account may only read."""
    url = postgres.create_database("read_only", str(sa.make_url(migrated_postgres).database))
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")
    engine.dispose()
    reading = sa.make_url(url).set(username="reader").render_as_string(hide_password=False)
    try:
        ended = await doctor(clinic, reading, "smtp://127.0.0.1:9", "--json")
    finally:
        postgres.drop_database("read_only")
        with postgres.connect() as conn:
            conn.execute("DROP ROLE reader")
    assert ended.code == 1
    assert found(ended)["writing"]["level"] == "trouble"
    assert "permission denied" in found(ended)["writing"]["seen"]


async def test_a_database_that_somebody_has_locked(clinic: Path, migrated_sqlite: Path) -> None:
    copy_sqlite(migrated_sqlite, clinic / "locked.db")
    with closing(sqlite3.connect(clinic / "locked.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = await doctor(clinic, f"sqlite:///{clinic}/locked.db", "smtp://127.0.0.1:9", "--json")
    assert ended.code == 1
    assert "locked" in found(ended)["writing"]["seen"]


async def test_what_pauses_and_what_waits(clinic: Path, database_url: str) -> None:
    app = started(database_url)
    app.type("older", channels=["email"])
    app.start()
    app.database.run(lambda conn: pauses.begin(conn, "email", code="auth", detail="535 wrong password"))
    emit(app, "note", to=people(app, "bob", channel="email"))
    async with working(app):
        await until(lambda: count(app, queue) == 1)
    emit(app, "note", to=["bob"])
    app.pause("email", lane="acme", until=now() + timedelta(hours=1), by="olga", because="a new relay")
    for table in (queue, events):
        back = (
            sa.update(table)
            .where(table.c.due_at.is_not(None))
            .values(due_at=now() - timedelta(hours=5, minutes=1))
        )
        app.database.run(lambda conn, back=back: conn.execute(back))
    app.close()
    async with FaultServer() as server:
        ended = await doctor(clinic, database_url, server.url, "--json")
        printed = await doctor(clinic, database_url, server.url)
    assert (ended.code, printed.code) == (1, 1)
    of = [one for one in json.loads(ended.out)["findings"] if one["about"] == "pauses"]
    assert [one["level"] for one in of] == ["trouble", "warning"]
    assert "auth: 535 wrong password" in of[0]["seen"]
    assert "clarion resume email" in of[0]["remedy"]
    assert "olga: a new relay" in of[1]["seen"]
    assert "clarion resume email --lane 'acme'" in of[1]["remedy"]
    backlog = found(ended)["backlog of email"]
    assert (backlog["level"], backlog["values"]["due"]) == ("warning", 1), "the trouble is the pause"
    assert "the oldest for 5 h 1 min" in backlog["seen"]
    assert found(ended)["events"]["level"] == "trouble"
    assert "workers" in found(ended)["events"]["remedy"]
    assert found(ended)["types"]["level"] == "warning"
    assert found(ended)["types"]["values"]["not_declared"] == ["older"]
    assert "! types: stored but not declared here: older" in printed.out


async def test_without_channels_or_with_one_that_cannot_be_checked(database_url: str) -> None:
    app = started(database_url)
    assert {one.about: one for one in app.examine()}["channel email"].seen.startswith("has no check")
    app.close()
    ended = await asyncio.to_thread(clarion, "doctor", env={"CLARION_DATABASE": database_url})
    assert ended.code == 0
    assert "pass --app" in ended.out


async def test_a_check_that_breaks_is_a_finding(database_url: str) -> None:
    class Breaks(Wire):
        async def check(self) -> None:
            raise ZeroDivisionError("oh")

    app = Clarion(database_url, channels=[Breaks(name="broken")])
    (one,) = [one for one in app.examine() if one.about == "channel broken"]
    assert (one.level, one.seen) == (Level.TROUBLE, "ZeroDivisionError: oh")
    app.close()


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0.5, "ok"), (-1.9, "ok"), (5, "warning"), (-59, "warning"), (61, "trouble"), (-3600, "trouble")],
)
def test_clocks(seconds: float, level: str) -> None:
    finding = compared(timedelta(seconds=seconds), timedelta(milliseconds=2))
    assert finding.level == level
    assert f"{abs(seconds):.3f} s {'ahead of' if seconds > 0 else 'behind'}" in finding.seen
    assert (finding.remedy is None) == (level == "ok")


def _sending(age: timedelta, *, paused: tuple[str, ...] = (), here: tuple[str, ...] = ("sms",)) -> Finding:
    at = datetime.fromisoformat("2025-06-01T10:00:00+00:00")
    waiting = Backlog(name="sms", waiting=9, due=3, oldest=at - age)
    (finding,) = sending([waiting], at, paused, here)
    return finding


def test_backlogs() -> None:
    assert _sending(timedelta(seconds=59)).level == "ok"
    assert _sending(timedelta(minutes=2)).level == "warning"
    late = _sending(timedelta(days=3, hours=4, minutes=5))
    assert (late.level, late.seen) == ("trouble", "9 wait, 3 of them due, the oldest for 3 d 4 h")
    assert _sending(timedelta(days=3), paused=("sms",)).level == "warning"
    elsewhere = _sending(timedelta(), here=("email",))
    assert elsewhere.level == "warning"
    assert "'sms'" in (elsewhere.remedy or "")
    assert _sending(timedelta(), here=()).level == "ok", "nothing is known of channels"


def test_types() -> None:
    assert declared([], ["a"]).level == "ok"
    assert declared(["a"], ["a"]).level == "ok"
    many = declared(["new"], [f"t{n:02}" for n in range(12)])
    assert many.level == "warning"
    assert "t00, t01, t02, t03, t04, t05, t06, t07 and 4 more" in many.seen
    assert "declared but not stored yet: new" in many.seen


def test_where_types_go_out_that_nothing_sends_on() -> None:
    goes_out = {"cl.merged": ["inbox", "email"], "build": ["email", "pager"], "note": ["inbox"]}
    email, pager = unserved(goes_out, ["sms"])
    assert email.level == "warning"
    assert email.seen == "build, cl.merged go out on email, which is not configured here"
    assert "say [mail] smtp and sender" in (email.remedy or "")
    assert pager.seen == "build goes out on pager, which is not configured here"
    assert not list(unserved(goes_out, ["email", "pager"]))


def test_a_stored_type_that_nothing_sends_here(database_url: str) -> None:
    started(database_url).close()
    ended = clarion("doctor", env={"CLARION_DATABASE": database_url})
    assert ended.code == 0
    assert "note goes out on email, which is not configured here" in ended.out


def test_an_empty_file_says_once_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    ended = clarion("doctor", "--json", "--database", "sqlite:///empty.db", cwd=tmp_path)
    assert found(ended)["migrations"]["seen"] == "the database has no tables of Clarion yet"
    assert found(ended)["migrations"]["remedy"] == "run `clarion migrate`"
