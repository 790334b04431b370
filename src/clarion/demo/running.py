"""Running the demo: everything emitted, decided and delivered by processes of their own, and then judged.

With `faults`, a worker is killed and the mail catcher goes away and comes back, both in the midst of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from clarion import clock
from clarion.app import Clarion
from clarion.demo import application, catcher, feed, ledger, verdict
from clarion.demo.feed import Emission
from clarion.demo.ledger import Ledger, Progress
from clarion.demo.people import people
from clarion.demo.stage import Fallen, Stage
from clarion.demo.verdict import Verdict
from clarion.errors import ConfigError
from clarion.store.database import Database

_KILL_AT, _DOWN_AT = 0.25, 0.5  # of all mails
_FROZEN = 1.0  # seconds, far less than a lease, for a database to end what it was asked to do
_DOWN_FOR = 5  # tries in vain, at least
_TO_MOVE = timedelta(seconds=60)
_TO_SETTLE = timedelta(seconds=90)
_TO_NOTICE = timedelta(seconds=30)

Feed = Callable[[Clarion], list[Emission]]  # emits, and says what
Watch = Callable[[Progress, int], None]  # is told how far it is, and the mails received


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What was done to the processes, and how far everything was at that moment."""

    killed_workers: int = 0
    catcher_restarts: int = 0
    at_kill: dict[str, int] | None = None
    at_outage: dict[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that has ended."""

    stage: Stage
    clarion: Clarion
    ledger: Ledger
    verdict: Verdict
    faults: Faults
    seconds: float
    problems: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        counts = asdict(self.verdict)
        del counts["problems"]
        return {
            "database": self.clarion.database.engine.dialect.name,
            **counts,
            **asdict(self.faults),
            "seconds": round(self.seconds, 1),
            "problems": self.problems,
        }


@contextmanager
def staged(
    directory: Path, database: str | None, base_url: str = f"https://{application.DOMAIN}"
) -> Iterator[tuple[Stage, Clarion]]:
    """The catcher running, the tables made, types and people written. Refuses a database with events in it."""
    with Stage(directory, database or f"sqlite:///{directory / 'clarion.db'}") as stage:
        if catcher.count(stage.mails):
            raise ConfigError(
                f"the demo needs an empty folder: {directory} holds the mails of an earlier run"
            )
        stage.start_catcher()
        clarion = application.build(stage.database, stage.smtp, base_url)
        try:
            clarion.migrate()
            if found := ledger.progress(clarion.database).events:
                url = clarion.database.shown_url
                raise ConfigError(f"the demo needs an empty database: {url} holds {found} events already")
            application.introduce(clarion)
            clarion.start()
            yield stage, clarion
        finally:
            clarion.close()


@contextmanager
def run(
    directory: Path, database: str | None, *, feeding: Feed, watch: Watch, faults: bool = False
) -> Iterator[Run]:
    """Emit, work, wait, judge. The database and the catcher's mails are there to be asked until the end."""
    began = clock.monotonic()
    with staged(directory, database) as (stage, clarion):
        for _ in range(2 if faults else 1):
            stage.start_worker()
        emitted = feeding(clarion)
        candidates = verdict.expected(emitted, people())
        everybody = sum(map(len, candidates.values()))
        happened = _disturb(stage, clarion.database, everybody, watch) if faults else Faults()
        problems = _settle(stage, clarion.database, watch) + _too_late(happened)
        stage.stop_workers()
        found = ledger.read(clarion.database)
        judged = verdict.judge(candidates, found, catcher.received(stage.mails))
        yield Run(
            stage=stage,
            clarion=clarion,
            ledger=found,
            verdict=judged,
            faults=happened,
            seconds=clock.monotonic() - began,
            problems=problems + judged.problems,
        )


def many_turns(clarion: Clarion, turns: int) -> list[Emission]:
    """Feed everything so many times, each turn in one transaction. Every webhook is signed, and verified."""
    emitted: list[Emission] = []
    for turn in range(turns):
        batch = [one for request in feed.requests(turn) for one in feed.receive(request)]
        batch += feed.own_events(clock.now(), turn)
        clarion.database.run(lambda conn, batch=batch: clarion.emit_many(conn, batch))  # type: ignore[misc]
        emitted += batch
    return emitted


def _settle(stage: Stage, database: Database, watch: Watch) -> list[str]:
    """Wait until nothing is left to do; what went wrong with it."""

    def settled() -> bool:
        now = ledger.progress(database)
        watch(now, catcher.count(stage.mails))
        return now.settled

    try:
        stage.wait_until(settled, "everything to be delivered", _TO_SETTLE.total_seconds())
    except Fallen as fallen:
        return [str(fallen)]
    return []


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────


def _disturb(stage: Stage, database: Database, everybody: int, watch: Watch) -> Faults:
    _until_share(stage, database, everybody, _KILL_AT, watch)
    stage.leave_one_worker()
    stage.wait_until(
        lambda: _killed_in_the_act(stage, database),
        "a worker to be seen sending",
        _TO_NOTICE.total_seconds(),
    )
    at_kill = _midst(stage, database)
    for _ in range(2):
        stage.start_worker()

    _until_share(stage, database, everybody, _DOWN_AT, watch)
    stage.kill_catcher()
    at_outage = _midst(stage, database)
    before = ledger.progress(database).down
    stage.wait_until(
        lambda: ledger.progress(database).down >= before + _DOWN_FOR,
        "the workers to notice that the mail catcher is down",
        _TO_NOTICE.total_seconds(),
    )
    stage.start_catcher()
    return Faults(killed_workers=1, catcher_restarts=1, at_kill=at_kill, at_outage=at_outage)


def _killed_in_the_act(stage: Stage, database: Database) -> bool:
    """Freeze the one worker that is left. What it holds then is lost with it: with that, kill it, else let it go on.

    The database may still be settling what it was asked for before.
    """
    stage.oldest_worker.send_signal(signal.SIGSTOP)
    held = ledger.leased(database)
    if not held or stage.within(_FROZEN, lambda: not held & ledger.leased(database)):
        stage.oldest_worker.send_signal(signal.SIGCONT)
        return False
    stage.kill_worker()
    return True


def _until_share(stage: Stage, database: Database, everybody: int, share: float, watch: Watch) -> None:
    """Until this share of all mails was received; how many there will be follows from the decisions so far."""

    def reached() -> bool:
        now = ledger.progress(database)
        mails = catcher.count(stage.mails)
        watch(now, mails)
        return now.decided > 0 and mails >= share * now.deliveries * everybody / now.decided > 0

    stage.wait_until(reached, f"{share:.0%} of the mails", _TO_MOVE.total_seconds())


def _midst(stage: Stage, database: Database) -> dict[str, int]:
    now = ledger.progress(database)
    return {
        "mails_received": catcher.count(stage.mails),
        "mails_to_send": now.queued,
        "events_to_walk": now.events - now.walked,
    }


def _too_late(faults: Faults) -> list[str]:
    """A fault that came when all was done has shown nothing."""
    moments = {"the kill": faults.at_kill, "the outage": faults.at_outage}
    return [
        f"{what} did not come in the midst of it: {at}"
        for what, at in moments.items()
        if at is not None and not (at["mails_received"] and at["mails_to_send"])
    ]
