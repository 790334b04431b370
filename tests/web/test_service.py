"""Problems, limits, headers, health, and a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from clarion import Clarion, ConfigError
from clarion.store.schema import events
from clarion.web import problem, shapes
from clarion.web.app import create_app
from clarion.web.settings import Settings, TokenSettings
from tests.support.postgres import FAST, Postgres
from tests.support.working import count, until
from tests.web.conftest import HOST, SECRET

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]
NOTE = {"type": "note", "to": ["bob"]}


def client(app: FastAPI | Starlette) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST)


async def test_every_refusal_is_a_problem(http: httpx2.AsyncClient, key: Key) -> None:
    mine = key()
    asked = [
        ("GET", "/nowhere", None, 404),
        ("GET", "/v1/recipients/", None, 404),
        ("DELETE", "/v1/events", None, 405),
        ("GET", "/v1/events/no-uuid", None, 422),
        ("GET", "/v1/recipients?limit=0", None, 422),
        ("GET", "/v1/recipients/%00", None, 422),
        ("GET", "/v1/recipients?search=%00", None, 422),
        ("PUT", "/v1/recipients/bob", "[]", 422),
        ("PUT", "/v1/recipients/bob", '{"nmae": "x"}', 422),
        ("PUT", "/v1/recipients/bob", '{"name": "a", "name": "b"}', 422),
        ("PUT", "/v1/recipients/bob", "{", 422),
        ("PUT", "/v1/recipients/bob", "", 422),
        ("PUT", "/v1/recipients/bob", '{"name": "\\ud800"}', 422),
        ("PUT", "/v1/recipients/bob", "[" * 90_000, 422),
        ("PATCH", "/v1/recipients/nobody/configuration", '{"enabled": true}', 404),
        ("PATCH", "/v1/recipients/bob/configuration", "{}", 422),
    ]
    for method, path, content, status in asked:
        answer = await http.request(
            method, path, content=content, headers={**mine, "Content-Type": "application/json"}
        )
        said = answer.json()
        assert (answer.status_code, said["status"]) == (status, status), (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert shapes.Refusal.model_validate(said).type.startswith("urn:clarion:problem:")
        assert said["detail"]


async def test_what_nobody_expected_says_nothing_of_itself(
    app: FastAPI, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> None:
        raise RuntimeError("the password is hunter2")

    app.add_api_route("/broken", breaks)
    async with client(app) as http:
        answer = await http.get("/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    number = answer.json()["instance"].removeprefix("urn:uuid:")
    assert number in caplog.text
    assert "hunter2" in caplog.text


async def test_headers_of_every_answer(http: httpx2.AsyncClient, key: Key) -> None:
    for path in ("/healthz", "/nowhere", "/openapi.json"):
        headers = (await http.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_pages_of_others_may_not_call_unless_they_are_named(clarion: Clarion, key: Key) -> None:
    preflight = {"Origin": "https://app.acme.test", "Access-Control-Request-Method": "GET"}
    for origins, allowed in (
        ((), None),
        (("https://app.acme.test",), "https://app.acme.test"),
        (("https://b.test",), None),
    ):
        async with client(create_app(clarion, Settings(cors_origins=origins))) as http:
            answer = await http.options("/v1/types", headers=preflight)
            assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("path", ["/v1/events", "/v1/withdrawals"])
async def test_a_page_that_may_call_reads_what_it_is_refused(clarion: Clarion, key: Key, path: str) -> None:
    page = {"Origin": "https://app.acme.test"}
    async with client(create_app(clarion, Settings(cors_origins=(page["Origin"],)))) as http:
        for headers, status in ((page, 401), ({**page, **key("events:write")}, 422)):
            answer = await http.post(path, json={"no": "field"}, headers=headers)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == page["Origin"]
            assert answer.headers["cache-control"] == "no-store"


async def test_who_asks_too_often_is_told_when_to_come_back(
    clarion: Clarion, key: Key, travel: Callable[[timedelta], None]
) -> None:
    async with client(create_app(clarion, Settings(rate=2, burst=5))) as http:
        mine, others = key(), key()
        statuses = [(await http.get("/v1/types", headers=mine)).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        refused = await http.post("/v1/events", json=NOTE, headers=mine)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert (await http.get("/v1/types", headers=others)).status_code == 200
        travel(timedelta(seconds=1))
        statuses = [(await http.get("/v1/types", headers=mine)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


async def test_health(http: httpx2.AsyncClient, key: Key, empty_database_url: str) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert (await http.get("/readyz")).json() == {"status": "ok"}
    empty = Clarion(empty_database_url)
    async with client(create_app(empty)) as other:
        refused = await other.get("/readyz")
        assert (refused.status_code, "clarion migrate" in refused.json()["detail"]) == (503, True)
        assert int(refused.headers["retry-after"]) >= 1
        assert (await other.get("/healthz")).status_code == 200
    empty.close()


async def test_metrics(http: httpx2.AsyncClient, clarion: Clarion, key: Key, forgetful: list[str]) -> None:
    clarion.database.run(lambda conn: clarion.emit(conn, "note"))
    shown = await http.get("/metrics", headers=key("metrics"))
    assert shown.status_code == 200
    assert "clarion_database_up 1.0" in shown.text
    assert "clarion_events_due 1.0" in shown.text
    assert (await http.get("/metrics")).status_code == 401
    forgetful.clear()  # what waits is counted for the whole installation


async def test_it_is_mounted_in_an_application(app: FastAPI, clarion: Clarion, key: Key) -> None:
    async with client(Starlette(routes=[Mount("/clarion", app)])) as http:
        answer = await http.post("/clarion/v1/events", json=NOTE, headers=key("events:write"))
        assert answer.status_code == 202
        assert (await http.get("/clarion/openapi.json")).status_code == 200
    assert count(clarion, events) == 1


async def test_the_description_is_complete(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            statuses = set(operation["responses"])
            assert {"500", "503"} <= statuses, (method, path)
            if "security" in operation:
                assert {"401", "403", "429"} <= statuses, (method, path)
            if "requestBody" in operation:
                assert {"413", "422"} <= statuses, (method, path)
            assert operation["description"] or operation["summary"]
    assert {"202", "409", "415"} <= set(described["paths"]["/v1/events"]["post"]["responses"])
    text = str(described)
    for name in {part.partition("'")[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in described["components"]["schemas"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (TokenSettings, "give one of the two"),
        (lambda: TokenSettings(secret=SECRET, jwks="x"), "give one of the two"),
        (lambda: TokenSettings(secret="short"), "at least 32"),
        (lambda: TokenSettings(secret=SECRET, audience=""), "audience"),
        (lambda: TokenSettings(secret=SECRET, lifetime=timedelta()), "open nothing"),
        (lambda: Settings(cors_origins=["*"]), "scheme and a host"),
        (lambda: Settings(cors_origins=["https://a.test/"]), "scheme and a host"),
        (lambda: Settings(session_secret="short"), "at least 32"),
        (lambda: Settings(rate=0), "lets nobody in"),
        (lambda: Settings(patience=timedelta()), "at least a second"),
    ],
)
def test_settings_that_cannot_work(made: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        made()
    assert SECRET not in str(refused.value)


def test_settings_show_no_secret() -> None:
    made = Settings(tokens=TokenSettings(secret=SECRET), session_secret=SECRET)
    assert SECRET not in repr(made)
    assert replace(made, rate=5).rate == 5


async def test_no_event_is_accepted_while_the_database_is_away() -> None:
    """Not even one; and once it is back, they are."""
    with Postgres(FAST) as server:
        clarion = Clarion(server.create_database("away"))
        clarion.migrate()
        clarion.type("note", channels=["inbox"])
        clarion.start()
        headers = {
            "Authorization": f"Bearer {clarion.keys.issue('k', ['events:write', 'events:read']).secret}"
        }
        app = create_app(clarion)
        accepted = 0
        async with client(app) as http:

            async def emit() -> int:
                nonlocal accepted
                answer = await http.post("/v1/events", json=NOTE, headers=headers)
                if answer.status_code == 202:
                    accepted += 1
                else:
                    assert (answer.status_code, answer.json()["type"]) == (
                        503,
                        "urn:clarion:problem:unavailable",
                    )
                    assert int(answer.headers["retry-after"]) >= 1
                return answer.status_code

            assert await emit() == 202
            server.kill()
            assert await emit() == 503
            assert await emit() == 503
            assert (await http.get("/readyz")).status_code == 503
            assert (
                await http.get("/v1/types", headers=headers)
            ).status_code == 200  # known, and needs no database
            await asyncio.to_thread(server.start)

            async def back() -> bool:
                return await emit() == 202

            deadline = asyncio.get_running_loop().time() + 60
            while not await back():
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.05)
            await until(lambda: count(clarion, events) == accepted)
        clarion.close()


def test_kinds_of_problems_are_told_apart() -> None:
    titles = [title for _, title in problem.KINDS.values()]
    assert len(set(titles)) == len(titles)
