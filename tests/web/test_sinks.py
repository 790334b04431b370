"""Pull sinks over HTTP: recipients' tokens and keys, waiting for something, and what is refused."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from clarion import Clarion, Pull
from clarion.workers.wiring import Limits
from tests.support.working import PATIENCE, until
from tests.web.conftest import HOST, forgets_the_tenant, token

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]
CLAIMS = "/v1/sinks/desktop/claims"


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    made = Clarion(database_url, channels=[Pull("desktop")], limits=Limits(poll=timedelta(milliseconds=20)))
    made.type("note", channels=["desktop"])
    made.start()
    for tenant in ("default", "other"):
        for who in ("bob", "carol"):
            made.recipients.upsert(who, addresses={"desktop": "laptop"}, tenant=tenant)
    forgetful: list[str] = []

    def look(_c: Any, _cursor: Any, statement: str, _p: Any, _x: Any, _many: bool) -> None:
        ours = threading.current_thread().name.startswith("clarion-web")
        # On SQLite, what was found under its tenant is taken out by where it lies.
        if ours and forgets_the_tenant(statement) and "WHERE rowid = ?" not in statement:
            forgetful.append(statement)

    sa.event.listen(made.database.engine, "before_cursor_execute", look)
    yield made
    made.close()
    assert not forgetful, f"{len(forgetful)} statements say nothing of the tenant: {forgetful[:3]}"


@pytest.fixture
async def working(clarion: Clarion) -> AsyncIterator[None]:
    """A worker beside the service, as `clarion serve` has it."""
    worker = clarion.worker()
    task = asyncio.create_task(worker.run())
    yield
    worker.stop()
    await asyncio.wait_for(task, PATIENCE)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=HOST, timeout=PATIENCE) as client:
        yield client
    await app.state.service.close()


async def emit(clarion: Clarion, *who: str, tenant: str = "default") -> UUID:
    return await asyncio.to_thread(
        lambda: clarion.database.run(
            lambda conn: clarion.emit(
                conn, "note", to=list(who), tenant=tenant, subject="cl/1", data={"text": "Looks good"}
            )
        )
    )


async def claim(http: httpx2.AsyncClient, who: dict[str, str], **said: Any) -> list[dict[str, Any]]:
    answer = await http.post(CLAIMS, json={"wait": 30, **said}, headers=who)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["claims"]
    return found


@pytest.mark.usefixtures("working")
async def test_a_recipient_s_device_from_claim_to_sent(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    event = await emit(clarion, "bob", "carol")
    (one,) = await claim(http, token("bob"), address="laptop")
    assert (one["recipient"], one["address"], one["event"]) == ("bob", "laptop", str(event))
    assert (one["type"], one["subject"], one["data"]) == ("note", "cl/1", {"text": "Looks good"})
    assert one["title"]
    assert (one["attempt"], one["claim"]) == (1, 1)
    its = f"{CLAIMS}/{one['id']}"
    longer = await http.post(f"{its}/extend", json={"claim": 1, "lease": 120}, headers=token("bob"))
    assert (longer.status_code, longer.json()["cancelled"]) == (200, False)
    assert longer.json()["lease_until"] > one["lease_until"]
    for _ in range(2):
        said = await http.post(f"{its}/sent", json={"claim": 1, "receipt": "t7"}, headers=token("bob"))
        assert said.status_code == 204
    assert await claim(http, token("bob"), wait=0) == []
    over = await http.post(f"{its}/extend", json={"claim": 1}, headers=token("bob"))
    assert (over.status_code, over.json()["type"]) == (409, "urn:clarion:problem:lease-lost")


@pytest.mark.usefixtures("working")
async def test_a_key_fetches_for_its_tenant_or_for_whom_it_names(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    await emit(clarion, "bob", "carol")
    await emit(clarion, "bob", tenant="other")
    mine = key("sinks")
    (one,) = await claim(http, {**mine, "Clarion-Recipient": "carol"})
    assert one["recipient"] == "carol"
    (other,) = await claim(http, mine)
    assert other["recipient"] == "bob"
    refusal = {"claim": other["claim"], "code": "no_display", "permanent": True, "detail": "it is dark"}
    said = await http.post(f"{CLAIMS}/{other['id']}/failed", json=refusal, headers=mine)
    assert said.status_code == 204
    assert await claim(http, mine, wait=0) == []
    assert len(await claim(http, key("sinks", tenant="other"))) == 1


@pytest.mark.usefixtures("working")
async def test_what_nobody_began_is_given_back(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    """Due again at once, as the first attempt that it still is."""
    await emit(clarion, "bob")
    (one,) = await claim(http, token("bob"))
    for _ in range(2):
        said = await http.post(f"{CLAIMS}/{one['id']}/give-back", json={"claim": 1}, headers=token("bob"))
        assert said.status_code == 204
    (again,) = await claim(http, token("bob"), wait=5)
    assert (again["id"], again["claim"], again["attempt"]) == (one["id"], 2, 1)
    over = await http.post(f"{CLAIMS}/{one['id']}/sent", json={"claim": 1}, headers=token("bob"))
    assert over.status_code == 409


@pytest.mark.usefixtures("working")
async def test_what_is_another_s_is_not_there(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    await emit(clarion, "bob")
    (one,) = await claim(http, token("bob"))
    strangers = [
        token("carol"),
        token("bob", tenant="other"),
        key("sinks", tenant="other"),
        {**key("sinks"), "Clarion-Recipient": "carol"},
    ]
    bodies = {
        "extend": {"claim": 1},
        "sent": {"claim": 1},
        "failed": {"claim": 1, "code": "x", "permanent": True},
        "give-back": {"claim": 1},
    }
    for who in strangers:
        for verb, body in bodies.items():
            answer = await http.post(f"{CLAIMS}/{one['id']}/{verb}", json=body, headers=who)
            assert answer.status_code == 404, (who, verb)
    assert (await http.post(CLAIMS, json={}, headers=key("inbox"))).status_code == 403
    nowhere = await http.post("/v1/sinks/email/claims", json={}, headers=token("bob"))
    assert nowhere.status_code == 404
    assert "desktop" in nowhere.json()["detail"]


@pytest.mark.usefixtures("working")
async def test_who_waits_is_answered_when_there_is_something(
    http: httpx2.AsyncClient, clarion: Clarion, app: FastAPI
) -> None:
    fetching = app.state.service.fetching
    waiting = {who: asyncio.create_task(claim(http, token(who))) for who in ("bob", "carol")}
    await until(lambda: fetching.waiting == 2)
    await emit(clarion, "bob")
    (one,) = await asyncio.wait_for(waiting["bob"], PATIENCE)
    assert one["recipient"] == "bob"
    assert not waiting["carol"].done()
    fetching.stop()  # as at shutdown
    assert await asyncio.wait_for(waiting["carol"], PATIENCE) == []
    assert fetching.waiting == 0


async def test_who_waits_in_vain_is_told_so(http: httpx2.AsyncClient) -> None:
    began = time.monotonic()
    assert await claim(http, token("bob"), wait=1) == []
    assert time.monotonic() - began >= 1


async def test_a_device_that_goes_away_takes_nothing_with_it(app: FastAPI, clarion: Clarion) -> None:
    """The connection ends while it waits: what comes then stays for the next."""
    left = asyncio.Event()
    sent: list[Any] = []
    bodies = [{"type": "http.request", "body": b'{"wait": 30}', "more_body": False}]

    async def receive() -> dict[str, Any]:
        if bodies:
            return bodies.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": "clarion.test", "content-type": "application/json", **token("bob")}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": CLAIMS,
        "raw_path": CLAIMS.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("clarion.test", 443),
    }
    asking = asyncio.create_task(app(scope, receive, send))
    await until(lambda: app.state.service.fetching.waiting == 1)
    left.set()
    await asyncio.wait_for(asking, PATIENCE)
    assert app.state.service.fetching.waiting == 0
    await app.state.service.close()


async def test_what_is_wrong_is_said(http: httpx2.AsyncClient) -> None:
    for body, where in (
        ({"wait": 31}, "wait"),
        ({"lease": 1}, "lease"),
        ({"limit": 0}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"adress": "laptop"}, "adress"),
    ):
        answer = await http.post(CLAIMS, json=body, headers=token("bob"))
        assert answer.status_code == 422, body
        assert where in answer.json()["detail"]
    answer = await http.post(
        f"{CLAIMS}/{UUID(int=1)}/failed",
        json={"claim": 1, "code": "no such thing", "permanent": False},
        headers=token("bob"),
    )
    assert answer.status_code == 422
    assert "short word" in answer.json()["detail"]
