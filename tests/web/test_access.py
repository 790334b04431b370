"""Every route × whoever asks: what is needed is said where a route is declared, and nothing else opens it."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest
from fastapi import FastAPI

from clarion import Clarion
from clarion.api_key import SCOPES, allowed
from clarion.web import openapi
from clarion.web.need import Need
from clarion.web.sessions import COOKIE
from tests.web.conftest import forgets_the_tenant, token

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]

WHOLE = {("GET", "/metrics"), ("GET", "/v1/channels"), ("GET", "/v1/examination")}
OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/v1/session")}
NOBODY_ELSES = "01a1fbcf-f077-710e-9bb9-3cde9ed88749"
# A body that passes for each operation that takes one.
BODIES: dict[tuple[str, str], object] = {
    ("POST", "/v1/events"): {"type": "note"},
    ("POST", "/v1/events/{event}/move"): {"at": "2026-01-01T00:00:00Z"},
    ("POST", "/v1/conditions/resolve"): {"condition": "c"},
    ("POST", "/v1/withdrawals"): {"subject": "s"},
    ("POST", "/v1/recipients/bulk"): {"recipients": [{"id": "dave"}]},
    ("PATCH", "/v1/recipients/{recipient}/configuration"): {"enabled": True},
    ("PATCH", "/v1/me/configuration"): {"enabled": True},
    ("PATCH", "/v1/me"): {"enabled": True},
    ("POST", "/v1/inbox/{verb}"): {"ids": [NOBODY_ELSES]},
    ("POST", "/v1/inbox/snooze"): {"ids": [NOBODY_ELSES], "until": "2099-01-01T00:00:00Z"},
    ("POST", "/v1/selections"): {"verb": "replay", "channel": "email"},
    ("POST", "/v1/selections/{selection}/apply"): {"number": 1},
    ("POST", "/v1/silences"): {"matches": {"type": "*"}, "comment": "c", "until": "2099-01-01T00:00:00Z"},
    ("POST", "/v1/keys"): {"name": "k", "scopes": ["keys"]},
    ("POST", "/v1/sinks/{channel}/claims/{delivery}/extend"): {"claim": 1},
    ("POST", "/v1/sinks/{channel}/claims/{delivery}/sent"): {"claim": 1},
    ("POST", "/v1/sinks/{channel}/claims/{delivery}/give-back"): {"claim": 1},
    ("POST", "/v1/sinks/{channel}/claims/{delivery}/failed"): {
        "claim": 1,
        "code": "no_display",
        "permanent": True,
    },
    ("POST", "/v1/channels/{channel}/pause"): {"until": "2099-01-01T00:00:00Z"},
    ("POST", "/v1/channels/{channel}/try"): {"recipient": "bob"},
}


def needs(app: FastAPI) -> dict[tuple[str, str], Need]:
    """What each needs. The stream ends as soon as it begins, like every answer."""
    app.state.service.streams.stop()
    return {operation: need for operation, need in openapi.needs(app).items() if need is not None}


async def ask(
    http: httpx2.AsyncClient, operation: tuple[str, str], headers: dict[str, str], *, recipient: str = "bob"
) -> int:
    method, path = operation
    url = re.sub(r"\{\w+\}", NOBODY_ELSES, path.replace("{recipient}", recipient).replace("{verb}", "read"))
    body = BODIES.get(operation, {}) if method in ("POST", "PUT", "PATCH") else None
    return (await http.request(method, url, json=body, headers=headers)).status_code


async def operator(http: httpx2.AsyncClient, headers: dict[str, str]) -> dict[str, str]:
    secret = headers["Authorization"].removeprefix("Bearer ")
    answer = await http.post("/v1/session", json={"key": secret})
    cookie = answer.cookies[COOKIE]
    http.cookies.clear()
    return {"Cookie": f"{COOKIE}={cookie}", "Clarion-CSRF": answer.json()["csrf"]}


async def test_every_route_says_what_it_needs(app: FastAPI) -> None:
    assert {operation for operation, need in openapi.needs(app).items() if need is None} == OPEN


async def test_nobody_comes_in_without_credentials(http: httpx2.AsyncClient, app: FastAPI) -> None:
    for operation in needs(app):
        assert await ask(http, operation, {}) == 401, operation


async def test_every_scope_opens_its_own_and_nothing_else(
    http: httpx2.AsyncClient, app: FastAPI, key: Key, forgetful: list[str]
) -> None:
    for scope in SCOPES:
        mine = {**key(scope), "Clarion-Recipient": "carol"}
        for operation, need in needs(app).items():
            opened = scope == "inbox" if need.own else need.scope in (None, *allowed([scope]))
            assert forgetful == []
            status = await ask(http, operation, mine, recipient="carol")
            assert (status == 403) != opened, (operation, scope, status)
            if operation in WHOLE:
                forgetful.clear()  # what waits is counted for the whole installation


async def test_a_recipient_sees_nothing_but_their_own(http: httpx2.AsyncClient, app: FastAPI) -> None:
    for operation, need in needs(app).items():
        status = await ask(http, operation, token("bob"))
        nobodys = "{item}" in operation[1] or need.fetches  # an item, or a channel, that is nobody's
        opened = (404,) if nobodys else (200, 204)
        assert (status in opened) == (need.own or need.fetches or need.scope is None), (operation, status)


async def test_an_operator_may_what_their_key_may_but_is_no_recipient(
    http: httpx2.AsyncClient, app: FastAPI, key: Key
) -> None:
    signed_in = await operator(http, key("operate", "events:read", "inbox"))
    for operation, need in needs(app).items():
        status = await ask(http, operation, signed_in)
        opened = not need.own and need.scope in (None, "operate", "observe", "events:read")
        assert (status == 403) != opened, (operation, status)


async def test_what_is_of_another_tenant_is_not_there(
    http: httpx2.AsyncClient, app: FastAPI, clarion: Clarion, key: Key
) -> None:
    """Whatever is asked for by an id of another tenant's, as by one that nobody has."""
    event = clarion.database.run(lambda conn: clarion.emit(conn, "note", to=["carol"]))
    theirs = key(tenant="other")
    creating = {("PUT", "/v1/recipients/{recipient}"), ("PATCH", "/v1/recipients/{recipient}")}
    asked = 0
    for (method, path), need in needs(app).items():
        if "{" not in path or (method, path) in creating or need.own:
            continue
        asked += 1
        url = path.replace("{event}", str(event)).replace("{recipient}", "carol")
        url = re.sub(r"\{\w+\}", NOBODY_ELSES, url)  # of operators': see test_operators
        body = BODIES.get((method, path), {}) if method in ("POST", "PUT", "PATCH") else None
        if path.endswith("/move"):
            body = {"at": "2099-01-01T00:00:00Z"}
        answer = await http.request(method, url, json=body, headers=theirs)
        expected = {404, 422} if path.endswith("/move") else {404}
        assert answer.status_code in expected, (method, path, answer.text)
        assert "Carol" not in answer.text
    assert asked > 12
    assert clarion.recipients.get("carol") is not None
    await http.put("/v1/recipients/carol", json={"name": "Another"}, headers=theirs)
    kept = clarion.recipients.get("carol")
    assert kept is not None
    assert kept.name == "Carol"
    listed = (await http.get("/v1/recipients", headers=theirs)).json()["recipients"]
    assert [(one["id"], one["name"]) for one in listed] == [("bob", "Bob of other"), ("carol", "Another")]


async def test_a_token_of_another_tenant_sees_that_tenant(http: httpx2.AsyncClient) -> None:
    seen = [
        (await http.get("/v1/me/configuration", headers=token("bob", tenant=tenant))).json()["recipient"][
            "name"
        ]
        for tenant in ("default", "other")
    ]
    assert seen == ["Bob of default", "Bob of other"]
    nobody = await http.get("/v1/me/configuration", headers=token("zoe"))
    assert nobody.status_code == 404


async def test_a_key_acts_for_whom_it_names(http: httpx2.AsyncClient, key: Key) -> None:
    mine = key("inbox")
    named = await http.get("/v1/me/configuration", headers={**mine, "Clarion-Recipient": "carol"})
    assert named.json()["recipient"]["id"] == "carol"
    unnamed = await http.get("/v1/me/configuration", headers=mine)
    assert (unnamed.status_code, unnamed.json()["type"]) == (403, "urn:clarion:problem:forbidden")
    assert "Clarion-Recipient" in unnamed.json()["detail"]
    other = await http.get("/v1/me/configuration", headers={**token("bob"), "Clarion-Recipient": "carol"})
    assert other.json()["recipient"]["id"] == "bob"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic Ym9iOng=",
        "Bearer clk_",
        f"Bearer clk_{'A' * 43}",
        "Bearer a.b",
        "Bearer " + "x" * 9000,
    ],
)
async def test_credentials_that_are_none(http: httpx2.AsyncClient, said: str) -> None:
    refused = await http.get("/v1/types", headers={"Authorization": said})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("statement", "forgets"),
    [
        ("SELECT clarion_events.tenant FROM clarion_events WHERE clarion_events.id = ?", True),
        ("DELETE FROM clarion_addresses", True),
        ("SELECT 1 FROM clarion_events WHERE clarion_events.tenant = ? AND clarion_events.id = ?", False),
        ("SELECT 1 FROM clarion_event_types", False),
        ("INSERT INTO clarion_events (tenant, id) VALUES (?, ?)", False),
    ],
)
def test_a_statement_that_forgets_the_tenant_is_found(statement: str, forgets: bool) -> None:
    assert forgets_the_tenant(statement) is forgets
