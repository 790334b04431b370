"""Pauses as rows: begun once, probed by one, grown by what was in vain, ended once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.engine import Connection

from clarion import clock
from clarion.pause import ITSELF, Pause, wait_before_probe
from clarion.store import pauses
from clarion.store.database import Database

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


def begin(conn: Connection) -> bool:
    return pauses.begin(conn, "email", code="connect", detail="refused")


def one(db: Database) -> Pause:
    (pause,), _ = db.read(lambda conn: pauses.standing(conn, "email"))
    return pause


def test_it_begins_once(db: Database) -> None:
    assert db.run(begin)
    assert not db.run(begin)
    pause = one(db)
    assert (pause.by, pause.probes, pause.code, pause.asked_for) == (ITSELF, 0, "connect", False)
    assert timedelta(seconds=0.7) < pause.until - pause.since < timedelta(seconds=1.3)
    assert db.read(lambda conn: pauses.standing(conn, "sms"))[0] == []


def test_one_probes_once_it_is_over(db: Database, travel: Callable[[timedelta], None]) -> None:
    db.run(begin)
    pause = one(db)
    assert not db.run(lambda conn: pauses.take_probe(conn, pause, LEASE))
    travel(2 * SECOND)
    assert db.run(lambda conn: pauses.take_probe(conn, pause, LEASE))
    assert not db.run(lambda conn: pauses.take_probe(conn, pause, LEASE)), "another one is at it"
    travel(LEASE + SECOND)
    assert not db.run(lambda conn: pauses.take_probe(conn, pause, LEASE)), "it was read before that"
    pause = one(db)
    assert db.run(lambda conn: pauses.take_probe(conn, pause, LEASE)), "the one at it has died"


def test_probes_in_vain_make_it_longer(db: Database, travel: Callable[[timedelta], None]) -> None:
    db.run(begin)
    lasted = []
    for _ in range(7):
        travel(timedelta(minutes=1))
        pause = one(db)
        probing = db.run(lambda conn, p=pause: pauses.take_probe(conn, p, LEASE))
        assert probing is not None
        assert db.run(lambda conn, p=probing: pauses.in_vain(conn, p, code="dns", detail=""))
        assert not db.run(lambda conn, p=probing: pauses.in_vain(conn, p, code="dns", detail="")), (
            "that was another"
        )
        _, now = db.read(pauses.standing)
        lasted.append((one(db).until - now).total_seconds())
    assert all(2 ** (n + 1) * 0.7 < seconds < 2 ** (n + 1) * 1.3 for n, seconds in enumerate(lasted[:4]))
    assert lasted[-1] < 37, "never longer than half a minute, and its spread"
    assert one(db).probes == 7


def test_who_had_nothing_to_probe_with_lets_others(db: Database, travel: Callable[[timedelta], None]) -> None:
    db.run(begin)
    travel(2 * SECOND)
    pause = one(db)
    probing = db.run(lambda conn: pauses.take_probe(conn, pause, LEASE))
    assert probing is not None
    db.run(lambda conn: pauses.not_needed(conn, probing))
    pause = one(db)
    assert db.run(lambda conn: pauses.take_probe(conn, pause, LEASE))


def test_it_ends_once(db: Database) -> None:
    db.run(begin)
    ended = db.run(lambda conn: pauses.end(conn, "email"))
    assert ended is not None
    assert db.run(lambda conn: pauses.end(conn, "email")) is None


def test_an_operators_pause_is_neither_probed_nor_ended_by_an_answer(
    db: Database, travel: Callable[[timedelta], None]
) -> None:
    now = clock.now()
    asked = Pause(channel="email", by="olga", since=now, until=now + SECOND, detail="new relay")
    db.run(begin)
    db.run(lambda conn: pauses.ask_for(conn, asked))
    assert one(db).asked_for
    assert not db.run(begin)
    assert db.run(lambda conn: pauses.end(conn, "email")) is None
    assert one(db).by == "olga"
    assert db.run(lambda conn: pauses.resume(conn, "email")) is not None
    assert db.run(lambda conn: pauses.resume(conn, "email")) is None


def test_waits_are_bounded() -> None:
    assert all(wait_before_probe(n) <= timedelta(seconds=36) for n in range(2000))
