"""Operators over HTTP: what they find, choose and do; another tenant's is never there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from clarion import Address, Clarion, Reject
from clarion.message import Message
from clarion.web.app import create_app
from clarion.web.settings import Settings
from tests.support.working import Wire, done, emit, limits, people, until, working
from tests.web.conftest import HOST

pytestmark = pytest.mark.anyio
Headers = dict[str, str]
SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()


@pytest.fixture
def shop(database_url: str) -> Iterator[Clarion]:
    """An application with a channel that refuses eve."""

    async def does(_message: Message, address: Address) -> str:
        if address.value == "eve@a.test":
            raise Reject("refused", "not for eve")
        return "taken"

    made = Clarion(database_url, channels=[Wire(does)], limits=limits())
    made.type("note", channels=["inbox", "wire"], category="notes")
    made.start()
    yield made
    made.close()


@pytest.fixture
async def at(shop: Clarion) -> AsyncIterator[Callable[..., Any]]:
    """Ask the service of the shop with a key of these scopes."""
    app = create_app(shop, Settings())
    issued: dict[tuple[str, ...], Headers] = {}

    async def ask(
        method: str, path: str, *, scopes: str = "operate", tenant: str = "default", **how: Any
    ) -> Any:
        name = (scopes, tenant)
        if name not in issued:
            secret = shop.keys.issue("olga", scopes.split(), tenant=tenant).secret
            issued[name] = {"Authorization": f"Bearer {secret}"}
        return await client.request(method, f"/v1{path}", headers=issued[name], **how)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST) as client:
        yield ask
    await app.state.service.close()


async def lived(shop: Clarion) -> UUID:
    people(shop, "bob", "eve")
    event = emit(shop, "note", to=["bob", "eve"], key="k/1", subject="cl/1")
    async with working(shop):
        await until(lambda: done(shop))
    return event


async def test_events_notifications_and_deliveries(shop: Clarion, at: Any) -> None:
    event = str(await lived(shop))
    found = (await at("GET", "/events?key=k/1&total=true", scopes="observe")).json()
    assert [(one["id"], one["state"], one["subject"]) for one in found["events"]] == [
        (event, "decided", "cl/1")
    ]
    assert (found["next"], found["total"]) == (None, {"number": 1, "exact": True})
    told = (await at("GET", f"/notifications?event={event}&limit=1")).json()
    assert [(one["recipient"], one["told"], one["gates"]) for one in told["notifications"]] == [
        ("bob", True, [])
    ]
    rest = (await at("GET", f"/notifications?event={event}&limit=1&cursor={told['next']}")).json()
    assert [one["recipient"] for one in rest["notifications"]] == ["eve"]
    failed = (await at("GET", "/deliveries?state=failed&total=true")).json()
    assert [(one["recipient"], one["code"], one["state"]) for one in failed["deliveries"]] == [
        ("eve", "refused", "failed")
    ]
    assert failed["total"] == {"number": 1, "exact": True}
    whole = (await at("GET", f"/deliveries/{failed['deliveries'][0]['id']}")).json()
    assert (whole["address"], [one["code"] for one in whole["outcomes"]]) == ("eve@a.test", ["refused"])
    assert whole["explanation"]["told"] is True
    hits = (await at("GET", "/lookup?text=k/1")).json()["hits"]
    assert hits == [{"kind": "event", "id": event, "event": event, "recipient": None}]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/events?state=lost", "state"),
        ("/events?cursor=x", "cursor"),
        ("/events?since=2026-01-01T00:00:00", "since"),
        ("/notifications?gate=consnet", "did you mean 'consent'"),
        ("/deliveries?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "nothing is since"),
        ("/deliveries?limit=0", "limit"),
        ("/deliveries?recipient=", "recipient"),
        ("/lookup", "text"),
        ("/deliveries/x", "delivery"),
    ],
)
async def test_what_makes_no_sense_is_named(at: Any, path: str, detail: str) -> None:
    answer = await at("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert detail in answer.json()["detail"]


async def test_a_selection_is_shown_confirmed_and_carried_out(shop: Clarion, at: Any) -> None:
    event = str(await lived(shop))
    made = await at("POST", "/selections", json={"verb": "replay", "event": event})
    chosen = made.json()
    assert (made.status_code, chosen["state"], chosen["number"], chosen["by"]) == (
        *(201, "previewed", 1, "key olga"),
    )
    (group,) = chosen["groups"]
    assert {name: group[name] for name in ("channel", "state", "code", "refused", "number")} == {
        "channel": "wire",
        "state": "failed",
        "code": "refused",
        "refused": None,
        "number": 1,
    }
    path = f"/selections/{chosen['id']}"
    wrong = await at("POST", f"{path}/apply", json={"number": 2})
    assert (wrong.status_code, "holds 1 deliveries, not 2" in wrong.json()["detail"]) == (422, True)
    applied = await at("POST", f"{path}/apply", json={"number": 1})
    assert (applied.status_code, applied.json()["state"], applied.json()["done"]) == (202, "finished", 1)
    assert (await at("GET", path, scopes="observe")).json() == applied.json()
    cancel = (await at("POST", "/selections", json={"verb": "cancel", "event": event})).json()
    done = await at("POST", f"/selections/{cancel['id']}/apply", json={"number": cancel["number"]})
    assert (cancel["number"], done.json()["done"]) == (1, 1)
    states = (await at("GET", f"/deliveries?event={event}")).json()["deliveries"]
    assert [(one["recipient"], one["state"]) for one in states] == [("bob", "sent"), ("eve", "cancelled")]
    back = {"verb": "replay", "event": event, "states": ["cancelled"]}
    assert (await at("POST", "/selections", json=back)).json()["number"] == 1
    page = (await at("GET", "/selections?limit=2")).json()
    assert [one["verb"] for one in page["selections"]] == ["replay", "cancel"]
    (oldest,) = (await at("GET", f"/selections?cursor={page['next']}")).json()["selections"]
    assert oldest["id"] == chosen["id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verb": "delete", "channel": "wire"},
        {"verb": "replay"},
        {"verb": "replay", "lane": "default"},
        {"verb": "cancel", "code": "refused"},
        {"verb": "replay", "channel": ""},
        {"verb": "replay", "states": []},
        {"verb": "replay", "channel": "wire", "until": "2026-01-01"},
    ],
)
async def test_a_selection_that_makes_no_sense_is_refused(at: Any, body: dict[str, Any]) -> None:
    assert (await at("POST", "/selections", json=body)).status_code == 422


async def test_silences_begin_and_end(at: Any) -> None:
    said = await at(
        "POST", "/silences", json={"matches": {"type": "ci.*"}, "comment": "release", "until": SOON}
    )
    assert (said.status_code, said.json()["author"], said.json()["matches"]) == (
        *(201, "key olga", {"type": "ci.*"}),
    )
    path = f"/silences/{said.json()['id']}"
    assert (await at("GET", "/silences", scopes="observe")).json() == {"silences": [said.json()]}
    assert [(await at("DELETE", path)).status_code for _ in range(2)] == [204, 204]
    assert (await at("GET", "/silences")).json() == {"silences": []}
    (ended,) = (await at("GET", "/silences?ended=true")).json()["silences"]
    assert ended["id"] == said.json()["id"]
    for body in ({"matches": {}}, {"matches": {"colour": "red"}}, {"matches": {"type": "*"}, "until": "x"}):
        refused = await at("POST", "/silences", json={"comment": "c", "until": SOON, **body})
        assert refused.status_code == 422, body


async def test_addresses_and_their_health(shop: Clarion, at: Any) -> None:
    people(shop, "bob", "eve")
    first = (await at("GET", "/addresses?limit=1")).json()
    rest = (await at("GET", f"/addresses?after={first['next']}")).json()
    assert [one["recipient"] for one in (*first["addresses"], *rest["addresses"])] == ["bob", "eve"]
    assert rest["next"] is None
    assert (await at("GET", "/addresses?gone=true")).json()["addresses"] == []
    assert (await at("POST", f"/addresses/{first['next']}/revive")).status_code == 204
    assert (await at("POST", f"/addresses/{uuid4()}/revive")).status_code == 404


async def test_keys_are_given_out_and_taken_back(at: Any) -> None:
    made = await at("POST", "/keys", scopes="keys observe", json={"name": "watch", "scopes": ["observe"]})
    assert made.status_code == 201
    key, secret = made.json()["key"], made.json()["secret"]
    assert (secret.startswith(key["prefix"]), key["created_by"]) == (True, "key olga")
    listed = (await at("GET", "/keys", scopes="keys observe")).json()["keys"]
    assert [one["name"] for one in listed] == ["olga", "watch"]
    assert secret not in str(listed)
    beyond = await at("POST", "/keys", scopes="keys observe", json={"name": "more", "scopes": ["operate"]})
    assert (beyond.status_code, "operate" in beyond.json()["detail"]) == (403, True)
    assert (await at("DELETE", f"/keys/{key['id']}", scopes="keys observe")).status_code == 204
    assert (await at("DELETE", f"/keys/{uuid4()}", scopes="keys observe")).status_code == 404


async def test_channels_pause_and_are_tried(shop: Clarion, at: Any) -> None:
    people(shop, "bob")
    paused = await at(
        "POST", "/channels/wire/pause", scopes="providers", json={"until": SOON, "because": "move"}
    )
    assert (paused.status_code, paused.json()["by"], paused.json()["asked_for"]) == (200, "key olga", True)
    (seen,) = (await at("GET", "/pauses", scopes="observe")).json()["pauses"]
    assert (seen["channel"], seen["detail"], seen["lane"]) == ("wire", "move", "")
    (channel,) = (await at("GET", "/channels", scopes="providers")).json()["channels"]
    assert (channel["name"], len(channel["pauses"]), channel["waiting"]) == (
        *("wire", 1, {"number": 0, "exact": True}),
    )
    for _ in range(2):
        assert (await at("POST", "/channels/wire/resume", scopes="providers", json={})).status_code == 204
    assert (await at("GET", "/pauses")).json() == {"pauses": []}
    tried = (await at("POST", "/channels/wire/try", scopes="providers", json={"recipient": "bob"})).json()
    assert (tried["passed"], [one["address"] for one in tried["messages"]]) == (True, ["bob@a.test"])
    refused = await at("POST", "/channels/wire/try", scopes="providers", json={"address": "eve@a.test"})
    assert [(one["passed"], one["code"]) for one in refused.json()["messages"]] == [(False, "refused")]
    for body in ({}, {"recipient": "bob", "address": "x@a.test"}, {"recipient": "nobody"}):
        answer = await at("POST", "/channels/wire/try", scopes="providers", json=body)
        assert answer.status_code in (404, 422), body
    unknown = await at("POST", "/channels/wrie/pause", scopes="providers", json={"until": SOON})
    assert (unknown.status_code, "did you mean 'wire'" in unknown.json()["detail"]) == (404, True)
    findings = (await at("GET", "/examination?channels_only=true", scopes="providers")).json()["findings"]
    assert [one["about"] for one in findings] == ["channel wire"]
    every = (await at("GET", "/examination", scopes="providers")).json()["findings"]
    assert {"database", "writing", "channel wire"} <= {one["about"] for one in every}


async def test_what_was_done_and_shown_can_be_read(shop: Clarion, at: Any) -> None:
    await lived(shop)
    await at("GET", "/deliveries?recipient=eve")
    await at("GET", "/recipients/bob/export", scopes="recipients:read")
    await at("POST", "/silences", json={"matches": {"type": "*"}, "comment": "c", "until": SOON})
    await at("DELETE", "/recipients/eve", scopes="recipients:write")
    lines = (await at("GET", "/audit", scopes="observe")).json()["lines"]
    assert [(one["verb"], one["recipient"]) for one in lines] == [
        ("recipient.erase", "erased"),
        ("silence.begin", None),
        ("recipient.export", "bob"),
        ("recipient.search", "erased"),
    ]
    assert {one["by"] for one in lines} == {"key olga"}
    some = (await at("GET", "/audit?verb=recipient&limit=2")).json()
    assert [one["verb"] for one in some["lines"]] == ["recipient.erase", "recipient.export"]
    (last,) = (await at("GET", f"/audit?verb=recipient&cursor={some['next']}")).json()["lines"]
    assert last["verb"] == "recipient.search"


async def test_another_tenants_is_not_there(shop: Clarion, at: Any) -> None:
    event = str(await lived(shop))
    desk = shop.desk("olga")
    (sent,) = [one for one in desk.deliveries().items if one.recipient == "eve"]
    chosen = desk.preview_replay(event=UUID(event))
    said = desk.silence({"type": "*"}, comment="c", until=datetime.now(UTC) + timedelta(hours=1))
    key, address = desk.issue_key("k", ["observe"]).key, desk.addresses()[0]
    scopes = "operate keys providers"
    for method, path, body in (
        ("GET", f"/deliveries/{sent.id}", None),
        ("GET", f"/selections/{chosen.id}", None),
        ("POST", f"/selections/{chosen.id}/apply", {"number": 1}),
        ("DELETE", f"/silences/{said.id}", None),
        ("POST", f"/addresses/{address.id}/revive", None),
        ("DELETE", f"/keys/{key.id}", None),
    ):
        answer = await at(method, path, scopes=scopes, tenant="other", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    for path, name in (
        ("/events", "events"),
        (f"/notifications?event={event}", "notifications"),
        ("/notifications?recipient=eve", "notifications"),
        (f"/deliveries?event={event}", "deliveries"),
        ("/deliveries?state=failed", "deliveries"),
        ("/deliveries?address=eve@", "deliveries"),
        (f"/lookup?text={sent.id}", "hits"),
        ("/lookup?text=eve", "hits"),
        ("/selections", "selections"),
        ("/silences", "silences"),
        ("/addresses", "addresses"),
    ):
        answer = await at("GET", path, scopes=scopes, tenant="other")
        assert (answer.status_code, answer.json()[name]) == (200, []), path
    theirs = (
        await at("POST", "/selections", tenant="other", json={"verb": "replay", "channel": "wire"})
    ).json()
    assert theirs["number"] == 0
    assert desk.selection(chosen.id).state == "previewed"
    assert [one.id for one in desk.silences()] == [said.id]
