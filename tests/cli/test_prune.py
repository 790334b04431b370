"""`clarion prune`: what it counts, removes and refuses; killed, and beside a running worker."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clarion import Clarion, Policy, Throttle
from clarion.store.database import Database
from clarion.store.schema import events
from tests.store.past import dangling, number, told_and_sent
from tests.support.command import Ended, clarion, start
from tests.support.working import await_true

DAY = timedelta(days=1)
Travel = Callable[[timedelta], None]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def old(db: Database, travel: Travel) -> Callable[[int], None]:
    """Makes so many events that were over 40 days ago, told to three each."""

    def make(count: int) -> None:
        travel(-40 * DAY)
        for n in range(count):
            told_and_sent(db, "bob", "carol", "dan", subject=f"cl/{n}")
        travel(40 * DAY)

    return make


def prune(url: str, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
    return clarion("prune", *arguments, env=env or {"CLARION_DATABASE": url}, cwd=cwd)


def test_it_counts_then_removes_then_finds_nothing(
    db: Database, database_url: str, old: Callable[[int], None]
) -> None:
    old(3)
    rows = {"deliveries": 9, "events": 3, "notifications": 9, "outcomes": 9, "questions": 3}
    would = prune(database_url, "--dry-run", "--json")
    assert (would.code, would.err, would.out.count("\n")) == (0, "", 1)
    assert json.loads(would.out)["rows"] == rows
    assert json.loads(would.out)["dry_run"] is True
    assert "Would be removed, of what came to its end before " in prune(database_url, "--dry-run").out
    assert number(db, events) == 3
    assert json.loads(prune(database_url, "--older-than", "41d", "--json").out)["rows"] == {}
    done = prune(database_url, "--older-than", "39d")
    assert (done.code, done.err) == (0, "")
    assert "Removed, of what came to its end before " in done.out
    assert [line.split() for line in done.out.splitlines() if line.split()[:1] == ["events"]] == [
        ["events", "3"]
    ]
    assert number(db, events) == 0
    again = prune(database_url)
    assert (again.code, again.out.startswith("Nothing to remove")) == (0, True)


def test_before_a_day(db: Database, database_url: str, old: Callable[[int], None]) -> None:
    old(1)
    now = datetime.now(UTC)
    said = prune(database_url, "--before", f"{now - 42 * DAY:%Y-%m-%d}", "--json")
    assert json.loads(said.out)["before"] == f"{now - 42 * DAY:%Y-%m-%d}T00:00:00+00:00"
    assert number(db, events) == 1
    prune(database_url, "--before", f"{now - 38 * DAY:%Y-%m-%dT%H:%M:%SZ}")
    assert number(db, events) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--older-than", "30d", "--before", "2025-01-01"], 2, "say --older-than or --before, not both"),
        (["--older-than", "a while"], 2, "write how long ago, such as 30d or 72h"),
        (["--before", "2025-01-01T10:00"], 2, "lacks its offset from UTC"),
        (["--older-than", "3h"], 1, "is less than a day ago: an event that is emitted again would be told again"),
        (["--before", "2999-01-01"], 1, "2999-01-01T00:00:00Z lies in the future"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line(arguments: list[str], code: int, message: str, migrated_sqlite: Path) -> None:
    ended = prune(f"sqlite:///{migrated_sqlite}", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_what_policies_look_back_for_is_not_forgotten(database_url: str, tmp_path: Path) -> None:
    """Known from the application, or from the database, where what was declared is kept."""
    app = Clarion(database_url)
    app.type("cl.x", policy=Policy(throttle=Throttle(5, days=20)))
    app.type("cl.y", policy=Policy(throttle=Throttle(5, hours=1)))
    app.start()
    app.close()
    refused = prune(database_url, "--older-than", "19d")
    assert (refused.code, refused.out) == (1, "")
    assert "the policy of 'cl.x' looks back 20 days, and what it looks for would be forgotten" in refused.err
    assert "or pass --app if the type is no longer declared" in refused.err
    assert prune(database_url, "--older-than", "20d").code == 0
    (tmp_path / "shop.py").write_text(
        f"from clarion import Clarion, Cooldown, Policy\nclarion = Clarion({database_url!r})\n"
        "clarion.type('cl.z', policy=Policy(cooldown=Cooldown(days=3)))\n"
    )
    env = {"CLARION_APP": "shop:clarion"}
    assert prune("", "--older-than", "3d", env=env, cwd=tmp_path).code == 0
    assert "'cl.z' looks back 3 days" in prune("", "--older-than", "2d", env=env, cwd=tmp_path).err


def test_the_application_s_retention_counts(
    db: Database, database_url: str, old: Callable[[int], None], tmp_path: Path
) -> None:
    old(1)
    (tmp_path / "shop.py").write_text(
        "from datetime import timedelta\nfrom clarion import Clarion\n"
        f"clarion = Clarion({database_url!r}, retention=timedelta(days=90))\n"
    )
    assert prune("", "--app", "shop:clarion", cwd=tmp_path).code == 0
    assert number(db, events) == 1


@pytest.mark.parametrize("after", [20, 150])
def test_killed_it_leaves_nothing_that_dangles(
    db: Database, database_url: str, old: Callable[[int], None], after: int
) -> None:
    old(400)
    process = start("prune", env={"CLARION_DATABASE": database_url})
    await_true(lambda: number(db, events) < 400 - after or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert number(db, events) < 400, err
    assert dangling(db) == []
    assert prune(database_url).code == 0
    assert number(db, events) == 0


def test_interrupted_it_says_how_far_it_came(
    db: Database, database_url: str, old: Callable[[int], None]
) -> None:
    old(400)
    process = start("prune", env={"CLARION_DATABASE": database_url})
    await_true(lambda: number(db, events) < 400 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    if process.returncode == 0:
        pytest.skip("it was through before it could be interrupted")
    assert process.returncode == 130
    assert "clarion: stopped; until then removed: " in err
    assert dangling(db) == []


def test_what_lies_in_the_future_or_before_the_calendar_is_called_so(database_url: str) -> None:
    env = {"CLARION_DATABASE": database_url}
    ahead = clarion("prune", "--before", "2999-01-01", "--dry-run", env=env)
    assert (ahead.code, "2999-01-01T00:00:00Z lies in the future" in ahead.err) == (1, True)
    long_ago = clarion("prune", "--older-than", "99999999d", env=env)
    assert (long_ago.code, "lies before the calendar begins" in long_ago.err) == (2, True)
