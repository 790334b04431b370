"""Recipients, what they said, and their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
import sqlalchemy as sa

from clarion import Clarion, clock
from clarion.store.schema import preference_changes
from tests.support.working import count, emit, working
from tests.support.working import done as all_done
from tests.support.working import until as wait_until
from tests.web.conftest import token

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]


async def test_writing_in_whole_and_in_part(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("recipients:write", "recipients:read")
    whole = {"name": "Dave", "locale": "fr", "time_zone": "Europe/Paris", "roles": ["admin"]}
    made = await http.put("/v1/recipients/dave", json=whole, headers=mine)
    assert made.status_code == 200
    assert {name: made.json()[name] for name in whole} == whole
    part = await http.patch("/v1/recipients/dave", json={"name": "David"}, headers=mine)
    assert (part.json()["name"], part.json()["locale"], part.json()["roles"]) == ("David", "fr", ["admin"])
    clarion.recipients.configure("dave", enabled=False)
    again = await http.put("/v1/recipients/dave", json={"name": "D"}, headers=mine)
    said = again.json()
    assert (said["name"], said["locale"], said["roles"], said["active"], said["enabled"]) == (
        "D",
        None,
        [],
        True,
        False,
    )
    assert (await http.get("/v1/recipients/dave", headers=mine)).json() == said
    refused = await http.patch("/v1/recipients/dave", json={"addresses": {"emial": "a@b.test"}}, headers=mine)
    assert (refused.status_code, "unknown channel 'emial'" in refused.json()["detail"]) == (422, True)
    await http.post("/v1/recipients/dave/deactivate", headers=mine)
    assert (await http.get("/v1/recipients/dave", headers=mine)).json()["active"] is False


async def test_many_at_once(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("recipients:write", "recipients:read")
    people = [
        {"id": f"p{n:03}", "name": f"P {n}", "preferences": [{"scope": "*", "enabled": False}]}
        for n in range(250)
    ]
    answer = await http.post("/v1/recipients/bulk", json={"recipients": people}, headers=mine)
    assert answer.json() == {"written": 250}
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (
            await http.get("/v1/recipients", params={"search": "p", "limit": 100, **after}, headers=mine)
        ).json()
        found += [one["id"] for one in page["recipients"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == [one["id"] for one in people]
    none = await http.post("/v1/recipients/bulk", json={"recipients": []}, headers=mine)
    many = await http.post(
        "/v1/recipients/bulk", json={"recipients": [{"id": str(n)} for n in range(1001)]}, headers=mine
    )
    wrong = await http.post(
        "/v1/recipients/bulk",
        json={"recipients": [{"id": "new"}, {"id": "x", "time_zone": "Mars"}]},
        headers=mine,
    )
    assert [one.status_code for one in (none, many, wrong)] == [422, 422, 422]
    assert clarion.recipients.get("new") is None


@pytest.mark.parametrize("way", ["/v1/recipients/bob", "/v1/me"])
async def test_choosing_in_part_and_all_or_nothing(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key, way: str
) -> None:
    mine = token("bob") if way == "/v1/me" else key("recipients:write", "recipients:read")
    until = clock.now() + timedelta(days=1)
    said = {
        "enabled": True,
        "time_zone": "Europe/Paris",
        "quiet_hours": {"daily": ["22:00-07:00"]},
        "tags": {"exclude": ["noise"]},
        "silent_until": until.isoformat(),
        "preferences": [
            {"scope": "category:notes", "min_severity": "action"},
            {"scope": "*", "channel": "inbox", "enabled": True},
        ],
        "topics": [{"topic": "cl/1", "level": "all"}, {"topic": "cl/2", "muted": True}],
    }
    answer = await http.patch(f"{way}/configuration", json=said, headers=mine)
    assert answer.status_code == 200, answer.text
    held = answer.json()
    assert (held["recipient"]["time_zone"], held["recipient"]["tags"]) == (
        "Europe/Paris",
        {"include": [], "exclude": ["noise"]},
    )
    assert held["recipient"]["quiet_hours"]["monday"] == ["22:00-07:00"]
    assert [(one["topic"], one["subscribed"], one["level"]) for one in held["topics"]] == [
        ("cl/1", True, "all"),
        ("cl/2", False, None),
    ]
    assert {(one["scope"], one["channel"]): one["min_severity"] for one in held["preferences"]} == {
        ("*", "inbox"): None,
        ("category:notes", "*"): "action",
    }
    assert {one["type"] for one in held["types"]} == {"note", "security"}
    assert (await http.get(f"{way}/configuration", headers=mine)).json() == held

    changes = count(clarion, preference_changes)
    for wrong in (
        {"enabled": False, "preferences": [{"scope": "type:nto", "enabled": False}]},
        {"enabled": False, "preferences": [{"scope": "type:security", "enabled": False}]},
        {"enabled": False, "topics": [{"topic": "cl/1", "level": "some"}]},
        {"enabled": False, "topics": [{"topic": "cl/1"}]},
        {"enabled": False, "topics": [{"topic": "cl/1", "muted": True, "muted_until": until.isoformat()}]},
        {"enabled": False, "time_zone": "Mars/Olympus"},
        {"enabled": False, "silent_until": "2020-01-01T00:00:00Z"},
        {"enabled": "no"},
        {"enabled": False, "more": 1},
    ):
        assert (await http.patch(f"{way}/configuration", json=wrong, headers=mine)).status_code == 422, wrong
    assert (await http.get(f"{way}/configuration", headers=mine)).json() == held
    assert count(clarion, preference_changes) == changes

    less = {
        "silent_until": None,
        "quiet_hours": None,
        "topics": [{"topic": "cl/2", "muted": False}],
        "preferences": [{"scope": "category:notes", "min_severity": None}],
    }
    held = (await http.patch(f"{way}/configuration", json=less, headers=mine)).json()
    assert (held["recipient"]["silent_until"], held["recipient"]["quiet_hours"]) == (None, None)
    assert [one["topic"] for one in held["topics"]] == ["cl/1"]
    assert [one["scope"] for one in held["preferences"]] == ["*"]


@pytest.mark.parametrize("way", ["/v1/recipients/bob", "/v1/me"])
async def test_silence_and_history(http: httpx2.AsyncClient, key: Key, way: str) -> None:
    mine = token("bob") if way == "/v1/me" else key("recipients:write", "recipients:read")
    assert (await http.put(f"{way}/silence", json={}, headers=mine)).status_code == 204
    silent = (await http.get(f"{way}/configuration", headers=mine)).json()["recipient"]["silent_until"]
    assert silent.startswith("9999-")
    assert (await http.delete(f"{way}/silence", headers=mine)).status_code == 204
    assert (await http.get(f"{way}/configuration", headers=mine)).json()["recipient"]["silent_until"] is None
    history = (await http.get(f"{way}/history", headers=mine)).json()
    assert [(one["n"], one["by"]) for one in history["changes"]] == [
        (n, "bob" if way == "/v1/me" else "key a test") for n in (2, 1)
    ]
    one = (await http.get(f"{way}/history?limit=1", headers=mine)).json()
    rest = (await http.get(f"{way}/history?limit=1&before={one['next']}", headers=mine)).json()
    assert [change["n"] for change in (*one["changes"], *rest["changes"])] == [2, 1]
    assert rest["next"] is None


async def test_reading_writes_nothing(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    before = clarion.database.read(
        lambda conn: conn.execute(
            sa.text("SELECT count(*) FROM clarion_recipients WHERE tenant = 'default'")
        ).scalar()
    )
    assert (await http.get("/v1/me/configuration", headers=token("nobody"))).status_code == 404
    assert (
        await http.patch("/v1/me/configuration", json={"enabled": False}, headers=token("nobody"))
    ).status_code == 404
    after = clarion.database.read(
        lambda conn: conn.execute(
            sa.text("SELECT count(*) FROM clarion_recipients WHERE tenant = 'default'")
        ).scalar()
    )
    assert before == after


async def test_exporting_and_erasing(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("recipients:write", "recipients:read")
    exported = (await http.get("/v1/recipients/carol/export", headers=mine)).json()
    assert [one["name"] for one in exported["recipients"]] == ["Carol"]
    assert (await http.get("/v1/me/export", headers=token("carol"))).json() == exported
    assert (await http.delete("/v1/recipients/carol", headers=mine)).status_code == 204
    assert (await http.delete("/v1/recipients/carol", headers=mine)).status_code == 404
    assert clarion.recipients.get("carol") is None


async def test_what_became_of_an_event(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("events:read", "events:write")
    event = emit(clarion, "note", to=["bob", "carol", "zoe"], condition="build/broken", key="k")
    async with working(clarion):
        await wait_until(lambda: all_done(clarion))
    shown = (await http.get(f"/v1/events/{event}", headers=mine)).json()
    assert (shown["key"], shown["to"], shown["decided"]) == ("k", {"direct": ["bob", "carol", "zoe"]}, True)
    counts = (await http.get(f"/v1/events/{event}/counts", headers=mine)).json()
    assert (counts["total"], counts["told"], counts["suppressed"]) == (3, 2, 1)
    first = (await http.get(f"/v1/events/{event}/recipients?limit=2", headers=mine)).json()
    assert ([one["recipient"] for one in first["recipients"]], first["next"]) == (["bob", "carol"], "carol")
    last = (await http.get(f"/v1/events/{event}/recipients?limit=2&after=carol", headers=mine)).json()
    assert ([(one["recipient"], one["gates"]) for one in last["recipients"]], last["next"]) == (
        [("zoe", ["active"])],
        None,
    )
    why = (await http.get(f"/v1/events/{event}/recipients/zoe", headers=mine)).json()
    assert (why["told"], why["channels"][0]["gate"]) == (False, "active")
    (opened,) = (await http.get("/v1/conditions?prefix=build", headers=mine)).json()["conditions"]
    assert (opened["condition"], opened["event_id"]) == ("build/broken", str(event))
    assert (await http.get("/v1/conditions?prefix=x", headers=mine)).json() == {"conditions": []}


async def test_taking_back_and_moving(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("events:read", "events:write")
    later = clock.now() + timedelta(days=1)
    event = emit(clarion, "note", to=["bob"], at=later, subject="cl/1")
    sooner = clock.now() + timedelta(hours=1)
    assert (
        await http.post(f"/v1/events/{event}/move", json={"at": sooner.isoformat()}, headers=mine)
    ).status_code == 204
    shown = (await http.get(f"/v1/events/{event}", headers=mine)).json()
    assert shown["at"] == sooner.isoformat().replace("+00:00", "Z")
    far = await http.post(f"/v1/events/{event}/move", json={"at": "2099-01-01T00:00:00Z"}, headers=mine)
    assert far.status_code == 422
    assert (await http.post(f"/v1/events/{event}/cancel", headers=mine)).status_code == 204
    moved = await http.post(f"/v1/events/{event}/move", json={"at": later.isoformat()}, headers=mine)
    assert (moved.status_code, "it was cancelled" in moved.json()["detail"]) == (422, True)
    open_one = emit(clarion, "note", to=["bob"], condition="c", subject="cl/2")
    async with working(clarion):
        await wait_until(clarion.open_conditions)
        assert (
            await http.post("/v1/conditions/resolve", json={"condition": "c"}, headers=mine)
        ).status_code == 204
        assert (await http.post("/v1/withdrawals", json={"subject": "cl/2"}, headers=mine)).status_code == 204
        await wait_until(lambda: not clarion.open_conditions())

        async def withdrawn() -> bool:
            shown = (await http.get(f"/v1/events/{open_one}", headers=mine)).json()
            return shown["withdrawn_at"] is not None and shown["resolved_at"] is not None

        deadline = clock.monotonic() + 60
        while not await withdrawn():
            assert clock.monotonic() < deadline
