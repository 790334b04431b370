"""`/v1/me`: what the components show of a recipient's choices, and how they change them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from clarion import Clarion
from clarion.quiet_hours import parse
from clarion.web.mine import by_day, from_days
from tests.web.conftest import token

pytestmark = pytest.mark.anyio

BOB = token("bob")


async def mine(http: httpx2.AsyncClient, **patch: Any) -> dict[str, Any]:
    """What holds, after this change."""
    answer = await (
        http.patch("/v1/me", json=patch, headers=BOB) if patch else http.get("/v1/me", headers=BOB)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_all_that_is_shown(http: httpx2.AsyncClient) -> None:
    found = await mine(http)
    assert {name: found[name] for name in ("recipient", "name", "time_zone", "enabled", "quiet_hours")} == {
        "recipient": "bob",
        "name": "Bob of default",
        "time_zone": "UTC",
        "enabled": True,
        "quiet_hours": None,
    }
    assert (found["addresses"], found["channels"]) == ({}, ["inbox"])
    assert found["modes"] == ["now"]
    types = {one["type"]: one for one in found["types"]}
    assert types["security"]["required"] is True
    inbox = next(one for one in types["note"]["channels"] if one["channel"] == "inbox")
    assert (inbox["wanted"], inbox["mode"]) == (True, "now")


async def test_a_change_is_answered_with_what_holds_then(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    hours = {"mon": [["22:00", "07:00"]], "sun": [["00:00", "09:30"], ["21:00", "00:00"]]}
    found = await mine(
        http,
        locale="fr",
        time_zone="Europe/Paris",
        quiet_hours={**hours, "tue": []},
        silent_until="2099-01-01T00:00:00Z",
        preferences=[{"scope": "type:note", "channel": "inbox", "enabled": False}],
        topics=[{"topic": "cl/1", "level": "mentions"}],
    )
    assert (found["locale"], found["time_zone"]) == ("fr", "Europe/Paris")
    assert found["quiet_hours"] == {**hours, "passes": "urgent"}
    assert found["silent_until"] == "2099-01-01T00:00:00Z"
    assert found["preferences"][0]["enabled"] is False
    assert (found["topics"][0]["topic"], found["topics"][0]["level"]) == ("cl/1", "mentions")
    note = next(one for one in found["types"] if one["type"] == "note")
    cell = next(one for one in note["channels"] if one["channel"] == "inbox")
    assert (cell["wanted"], cell["wanted_by"]) == (False, "type:note on inbox")
    assert found == await mine(http)
    # As the components send what they were given, with one day changed.
    found = await mine(http, quiet_hours={**found["quiet_hours"], "mon": [], "passes": "action"})
    assert found["quiet_hours"] == {"sun": hours["sun"], "passes": "action"}
    found = await mine(http, quiet_hours={"sun": [], "passes": "action"}, silent_until=None, enabled=False)
    assert (found["quiet_hours"], found["silent_until"], found["enabled"]) == (None, None, False)
    muted = await mine(http, topics=[{"topic": "cl/1", "muted_until": "9999-01-01T00:00:00Z"}])
    assert muted["topics"][0]["muted_until"] > "2100"
    assert clarion.recipients.history("bob")[0].by == "bob"


@pytest.mark.parametrize(
    "patch",
    [
        {"quiet_hours": {"mon": ["22:00-07:00"]}},
        {"quiet_hours": {"mon": "22:00"}},
        {"quiet_hours": {"someday": []}},
        {"quiet_hours": {"mon": [["22:00", "7"]]}},
        {"preferences": [{"scope": "type:none", "enabled": True}]},
        {"name": "Robert"},
    ],
)
async def test_it_is_all_or_nothing(http: httpx2.AsyncClient, patch: dict[str, Any]) -> None:
    before = await mine(http)
    answer = await http.patch("/v1/me", json={"locale": "fr", **patch}, headers=BOB)
    assert answer.status_code == 422
    assert await mine(http) == before


async def test_who_is_not_known_has_nothing_to_choose(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/v1/me", headers=token("zoe"))).status_code == 404


def test_days_there_and_back() -> None:
    said = {"daily": ["22:00-07:00"], "passes": "action"}
    assert parse(from_days(by_day(parse(said))) or {}) == parse(said)
