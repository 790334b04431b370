"""Statistics, what stands now, and what failed alike, over HTTP: for operators of one tenant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from clarion import Clarion, clock
from clarion.store import tallies
from clarion.tally import Counts, minute_of

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]


def _sent(clarion: Clarion, number: int) -> None:
    minute = minute_of(clock.now())
    sent = ("default", minute, "sent", "email", "note", "")
    late = ("default", minute, "latency", "email", "", "100")
    clarion.database.run(lambda conn: tallies.add(conn, Counts({sent: number, late: number})))


async def test_statistics_of_an_hour(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    _sent(clarion, 7)
    asked = {"since": (clock.now() - timedelta(hours=1)).isoformat(), "step": "300"}
    found = (await http.get("/v1/statistics", params=asked, headers=key("observe"))).json()
    assert found["totals"]["sent"] == 7
    assert found["step"] == 300
    assert len(found["points"]) in (12, 13)
    assert sum(point["numbers"]["sent"] for point in found["points"]) == 7
    (email,) = found["channels"]
    assert (email["channel"], email["latency"]["number"]) == ("email", 7)
    assert 0.05 < email["latency"]["p95"] <= 0.1
    assert [one["type"] for one in found["types"]] == ["note"]
    theirs = await http.get("/v1/statistics", params=asked, headers=key("operate", tenant="other"))
    assert theirs.json()["totals"]["sent"] == 0


async def test_what_stands_and_what_failed(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    clarion.database.run(lambda conn: clarion.emit(conn, "note", to=["bob"]))
    now = (await http.get("/v1/overview", headers=key("observe"))).json()
    assert (now["events"]["waiting"], now["events"]["due"], now["channels"]) == (1, 1, [])
    failed = (await http.get("/v1/failures", headers=key("observe"))).json()
    assert (failed["looked_at"], failed["more"], failed["groups"]) == (0, False, [])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"since": "2026-01-01T00:00:00"},
        {"since": "2026-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00Z", "step": "90"},
        {"since": "0001-01-01T00:00:00Z"},
        {"since": "9999-12-31T23:59:59Z"},
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(
    http: httpx2.AsyncClient, key: Key, asked: dict[str, str]
) -> None:
    assert (await http.get("/v1/statistics", params=asked, headers=key("observe"))).status_code == 422
