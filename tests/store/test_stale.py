from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from clarion import Clarion, clock
from clarion.store import queue as store
from clarion.store import stale
from clarion.store.schema import queue
from tests.support.working import Wire, count, crowd, emit, limits, until, working

pytestmark = pytest.mark.anyio

DAY, LEASE = timedelta(days=1), timedelta(seconds=30)
NUMBER = 7
Travel = Callable[[timedelta], None]


@pytest.fixture
async def waiting(database_url: str) -> AsyncIterator[Clarion]:
    """Deliveries of three types, that wait."""
    made = Clarion(database_url, channels=[Wire()], limits=limits())
    made.type("note", channels=["wire"])
    made.type("brief", channels=["wire"], max_age=DAY)
    made.type("invoice", channels=["wire"], required=True)
    made.start()
    made.pause("wire", until=clock.now() + 100 * DAY, by="olga")
    ids = crowd(made, NUMBER)
    for type in ("note", "brief", "invoice"):
        emit(made, type, to=ids)
    async with working(made):
        await until(lambda: count(made, queue) == 3 * NUMBER)
    yield made
    made.close()


def ages(clarion: Clarion) -> dict[str, timedelta | None]:
    return {code: type.max_age for code, type in clarion.types.items()}


def found(clarion: Clarion, of: dict[str, timedelta | None], most: int = 4) -> list[stale.Key]:
    """By a whole round, page by page."""
    keys, after, pages = list[stale.Key](), None, 0
    while pages == 0 or after is not None:
        page, after = clarion.database.read(lambda conn, a=after: stale.find(conn, of, after=a, most=most))
        keys += page
        pages += 1
    assert pages == 3 * NUMBER // most + 1
    return keys


async def test_a_round_finds_what_is_too_old(waiting: Clarion, travel: Travel) -> None:
    assert found(waiting, ages(waiting)) == []
    travel(DAY + timedelta(minutes=1))
    briefs = found(waiting, ages(waiting))
    assert len(set(briefs)) == len(briefs) == NUMBER
    travel(2 * DAY)
    assert len(found(waiting, ages(waiting))) == 2 * NUMBER
    travel(400 * DAY)
    assert len(found(waiting, ages(waiting))) == 2 * NUMBER, "required types never are"
    assert set(found(waiting, {"brief": DAY})) == set(briefs), "what is not declared is left to others"
    assert found(waiting, {**ages(waiting), "brief": None, "note": None}) == []


async def test_a_claim_takes_what_nobody_has_in_hand(waiting: Clarion, travel: Travel) -> None:
    travel(4 * DAY)
    keys = found(waiting, ages(waiting))

    def in_hand() -> int:
        claims = waiting.database.run(
            lambda conn: store.claim_due(conn, "wire", most=5, each=5, lease=LEASE, after="")
        )
        return len({claim.key for claim in claims} & set(keys))

    taken = in_hand()
    claims = waiting.database.run(lambda conn: stale.claim(conn, keys, lease=LEASE))
    assert set(claims) == {"wire"}
    assert len(claims["wire"]) == 2 * NUMBER - taken
    assert {claim.key for claim in claims["wire"]} < set(keys) or taken == 0
    assert waiting.database.run(lambda conn: stale.claim(conn, keys, lease=LEASE)) == {}
    assert found(waiting, ages(waiting)) == []
    travel(LEASE + timedelta(seconds=1))
    again = waiting.database.run(lambda conn: stale.claim(conn, keys, lease=LEASE))["wire"]
    assert len(again) == 2 * NUMBER, "also what a process had that is gone"
    assert min(claim.fence for claim in again) >= 2, "which can settle nothing any more"
