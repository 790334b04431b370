from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from opentelemetry import trace

from clarion import Clarion, clock, tracing
from clarion.event import EventFields
from clarion.store.schema import events
from clarion.web import bodies, event_body
from tests.support import spans
from tests.support.working import count

pytestmark = pytest.mark.anyio

Key = Callable[..., dict[str, str]]
NOTE = {"type": "note", "to": {"author": ["bob"]}, "data": {"title": "Merged"}}


def stored(clarion: Clarion) -> list[sa.Row]:
    return list(
        clarion.database.read(lambda conn: conn.execute(sa.select(events).order_by(events.c.id)).all())
    )


async def test_an_event_is_stored_when_it_is_answered(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    answer = await http.post(
        "/v1/events", json={**NOTE, "actor": "alice", "severity": "action"}, headers=key("events:write")
    )
    assert answer.status_code == 202
    (row,) = stored(clarion)
    assert answer.json() == {"id": str(row.id)}
    assert (row.tenant, row.type, row.actor, row.to, row.data) == (
        "default",
        "note",
        "alice",
        [["author", ["bob"]]],
        {"title": "Merged"},
    )


async def test_the_tenant_is_the_one_of_the_key(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    await http.post("/v1/events", json=NOTE, headers=key("events:write", tenant="other"))
    assert [row.tenant for row in stored(clarion)] == ["other"]
    refused = await http.post(
        "/v1/events", json={**NOTE, "tenant": "default"}, headers=key("events:write", tenant="other")
    )
    assert refused.status_code == 422
    assert "the one of the key" in refused.json()["detail"]


async def test_many_are_stored_together_or_not_at_all(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    mine = key("events:write")
    answer = await http.post(
        "/v1/events", json={"events": [{**NOTE, "subject": str(n)} for n in range(120)]}, headers=mine
    )
    assert answer.status_code == 202
    ids = [UUID(id) for id in answer.json()["ids"]]
    assert {row.id: row.subject for row in stored(clarion)} == {id: str(n) for n, id in enumerate(ids)}
    refused = await http.post("/v1/events", json={"events": [NOTE, {**NOTE, "type": "not"}]}, headers=mine)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "events[1]: unknown event type 'not'; did you mean 'note'?"
    too_many = await http.post("/v1/events", json={"events": [{}] * 1001}, headers=mine)
    assert too_many.status_code == 413
    assert count(clarion, events) == 120


async def test_a_key_makes_it_once(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    mine = key("events:write")
    first = await http.post("/v1/events", json={**NOTE, "key": "k"}, headers=mine)
    again = await http.post("/v1/events", json=NOTE, headers={**mine, "Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (202, first.json())
    other = await http.post("/v1/events", json={**NOTE, "key": "k", "actor": "eve"}, headers=mine)
    assert (other.status_code, other.json()["type"]) == (409, "urn:clarion:problem:conflict")
    elsewhere = await http.post("/v1/events", json={**NOTE, "key": "k"}, headers=key(tenant="other"))
    assert elsewhere.json() != first.json()
    both = await http.post("/v1/events", json={**NOTE, "key": "k"}, headers={**mine, "Idempotency-Key": "l"})
    assert both.status_code == 422
    assert count(clarion, events) == 2


async def test_of_those_that_come_at_once_the_wrong_ones_fail_alone(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    mine = key("events:write")
    await http.post("/v1/events", json={**NOTE, "key": "taken"}, headers=mine)

    async def emit(n: int) -> int:
        body = {**NOTE, "key": "taken" if n % 7 == 0 else f"k{n}", "subject": str(n)}
        return (await http.post("/v1/events", json=body, headers=mine)).status_code

    statuses = await asyncio.gather(*(emit(n) for n in range(60)))
    assert statuses == [409 if n % 7 == 0 else 202 for n in range(60)]
    assert count(clarion, events) == 1 + statuses.count(202)


async def test_they_share_commits(http: httpx2.AsyncClient, clarion: Clarion, key: Key) -> None:
    commits = 0

    def counted(_conn: object) -> None:
        nonlocal commits
        commits += 1

    mine = key("events:write")
    await http.post("/v1/events", json=NOTE, headers=mine)  # the key is known from here on
    sa.event.listen(clarion.database.engine, "commit", counted)
    answers = await asyncio.gather(*(http.post("/v1/events", json=NOTE, headers=mine) for _ in range(100)))
    sa.event.remove(clarion.database.engine, "commit", counted)
    assert {one.status_code for one in answers} == {202}
    assert commits < 50
    assert count(clarion, events) == 101


async def test_its_span_goes_with_it(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    provider = spans.provider(lines.append)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(tracing, "ON", False)
    await http.post("/v1/events", json=NOTE, headers=key("events:write"))
    (row,) = stored(clarion)
    (span,) = [one for one in map(json.loads, lines) if one["name"].startswith("emit")]
    assert spans.trace_of(span).removeprefix("0x") in row.trace_context["traceparent"]
    provider.shutdown()


async def test_a_dry_run_stores_nothing_and_says_what_would_be_decided(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    answer = await http.post("/v1/events?dry_run=true", json=NOTE, headers=key("events:write", "events:read"))
    assert answer.status_code == 200
    (who,) = answer.json()["recipients"]
    assert (who["recipient"], who["told"], who["reason"]) == ("bob", True, "author")
    assert stored(clarion) == []
    without = await http.post("/v1/events?dry_run=true", json=NOTE, headers=key("events:write"))
    assert without.status_code == 403
    for query in ("dry_run=yes", "dryrun=true"):
        assert (await http.post(f"/v1/events?{query}", json=NOTE, headers=key())).status_code == 422


# ── CloudEvents ──────────────────────────────────────────────────────────────────────────────────────────

CLOUD = {
    "specversion": "1.0",
    "type": "note",
    "source": "/repositories/acme",
    "id": "A-1",
    "subject": "cl/42",
    "time": "2020-01-01T00:00:00Z",
    "clarionto": "bob, carol",
    "clarionactor": "alice",
    "comexampleother": "passed over",
    "data": {"title": "Merged"},
}


@pytest.mark.parametrize("mode", ["structured", "batched", "binary"])
async def test_cloudevents(http: httpx2.AsyncClient, clarion: Clarion, key: Key, mode: str) -> None:
    mine = key("events:write")
    if mode == "binary":
        headers = {f"ce-{name}": str(value) for name, value in CLOUD.items() if name != "data"}
        sent = {"json": CLOUD["data"], "headers": {**mine, **headers}}
    elif mode == "structured":
        sent = {
            "content": json.dumps(CLOUD),
            "headers": {**mine, "Content-Type": "application/cloudevents+json; charset=utf-8"},
        }
    else:
        sent = {
            "content": json.dumps([CLOUD]),
            "headers": {**mine, "Content-Type": "application/cloudevents-batch+json"},
        }
    answer = await http.post("/v1/events", **sent)
    assert answer.status_code == 202, answer.text
    (row,) = stored(clarion)
    assert (row.type, row.subject, row.actor, row.data) == ("note", "cl/42", "alice", {"title": "Merged"})
    assert (row.key, row.to) == ("/repositories/acme A-1", [["direct", ["bob", "carol"]]])
    assert row.at > clock.now() - timedelta(minutes=5)
    again = await http.post("/v1/events", **sent)
    assert again.status_code == 202
    assert count(clarion, events) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"specversion": "0.3"}, "specversion must be '1.0', got '0.3'"),
        ({"id": ""}, "needs id"),
        ({"source": 3}, "needs source"),
        ({"data_base64": "AA=="}, "data_base64"),
        ({"time": "yesterday"}, "time must be a time with its offset"),
        ({"data": "text"}, "data must be an object"),
    ],
)
async def test_cloudevents_that_are_none(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key, change: dict[str, object], words: str
) -> None:
    headers = {**key(), "Content-Type": "application/cloudevents+json"}
    refused = await http.post("/v1/events", content=json.dumps({**CLOUD, **change}), headers=headers)
    assert refused.status_code == 422
    assert words in refused.json()["detail"]


# ── What cannot be ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"{", "line 1"),
        (b"\xff{}", "not UTF-8"),
        (b'{"type": "note", "type": "note"}', "'type' is given twice"),
        (b'{"type": "note", "data": {"a": NaN}}', "NaN is no JSON"),
        (b'{"type": "note", "data": {"a": -Infinity}}', "-Infinity is no JSON"),
        (b'{"type": "note", "data": {"a": 1e999}}', "beyond what a float can hold"),
        (b'{"type": "note", "data": {"a": 123456789012345678901234567890}}', "does not fit into 64 bits"),
        (b'{"type": "note", "data": {"a": ' + b"9" * 100_000 + b"}}", "does not fit into 64 bits"),
        (b'{"type": "note", "data": {"a": "\\ud800"}}', "half of a surrogate pair"),
        (b'{"type": "note", "data": {"a": "\\u0000"}}', "NUL"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"type": "note", "data": ' + b'{"a":' * 40 + b"1" + b"}" * 41, "deeper than 32 levels"),
        (b"[]", "must be an object"),
        (b'{"type": 3}', "type must be the code"),
        (b'{"type": "note", "to": "bob"}', "to must be a list"),
        (b'{"type": "note", "to": [{"rolle": "x"}]}', "it must be an id"),
        (b'{"type": "note", "to": [{"active": "soon"}]}', "it must be an id"),
        (b'{"type": "note", "at": "2026-01-01T00:00:00"}', "with its offset"),
        (b'{"type": "note", "at": 5}', "with its offset"),
        (b'{"type": "note", "severity": 3}', "severity"),
        (b'{"type": "note", "subjekt": "x"}', "did you mean 'subject'?"),
        (b'{"type": "note", "channels": ["smoke"]}', "unknown channel 'smoke'"),
        (b'{"events": []}', "not empty"),
        (b'{"events": [{"type": "note"}], "actor": "x"}', "beside `events`"),
    ],
)
async def test_bodies_that_are_refused(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key, body: bytes, words: str
) -> None:
    headers = {**key("events:write"), "Content-Type": "application/json"}
    await http.get("/v1/types", headers=headers)
    begun = time.perf_counter()
    refused = await http.post("/v1/events", content=body, headers=headers)
    took = time.perf_counter() - begun
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert words in refused.json()["detail"]
    assert took < 2.0  # a hundred milliseconds where nothing else runs
    assert stored(clarion) == []


async def test_another_kind_of_body(http: httpx2.AsyncClient, key: Key) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "text/xml", "ce-specversion": "1.0"}):
        refused = await http.post("/v1/events", content=b"{}", headers={**key(), **headers})
        assert (refused.status_code, refused.json()["status"]) == (415, 415)


async def test_a_body_that_is_too_large_is_not_read(
    http: httpx2.AsyncClient, clarion: Clarion, key: Key
) -> None:
    sent = 0

    async def chunks() -> object:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 100_000

    headers = {**key(), "Content-Type": "application/json"}
    await http.get("/v1/types", headers=headers)
    tracemalloc.start()
    announced = await http.post("/v1/events", content=b" " * 1_000_001, headers=headers)
    refused = await http.post("/v1/events", content=chunks(), headers=headers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (announced.status_code, refused.status_code) == (413, 413)
    assert "1,000,000 bytes" in refused.json()["detail"]
    assert sent <= 12
    assert peak < 8_000_000


def test_what_is_documented_is_what_is_taken() -> None:
    fields = set(EventFields.__annotations__) - {"tenant"}
    assert set(bodies.EventBody.model_fields) == fields | {"type"} == set(event_body.NAMES)
