"""The description of the API is what the API does: see `fuzz`, of which this is a short run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest
from schemathesis.python import asgi

from clarion import Channel, Clarion
from clarion.web import openapi
from tests.web import fuzz, fuzz_world
from tests.web.fuzz_world import World
from tests.web.test_access import WHOLE

EXAMPLES = 4  # beside those of the description


@pytest.fixture
def channels() -> list[Channel]:
    return fuzz_world.channels()


@pytest.fixture
def found(clarion: Clarion) -> Iterator[World]:
    yield fuzz_world.populated(clarion)
    asgi.shutdown_lifespans()


def test_no_server_error_and_nothing_undocumented(found: World, forgetful: list[str]) -> None:
    """Nor a statement that forgets the tenant, whatever is asked."""
    for operation in fuzz.operations(found):
        fuzz.ask(found, operation, EXAMPLES)
        if (operation.method.upper(), operation.path) in WHOLE:
            forgetful.clear()  # what waits is counted for the whole installation
        assert forgetful == [], operation.label
    taken = {label for label, status in found.statuses if status < 300}
    assert taken == {label for label, _ in found.statuses}
    assert {"POST /v1/events", "GET /v1/inbox", "PATCH /v1/me/configuration"} <= taken
    assert {200, 201, 202, 204, 401, 403, 404, 422} <= {status for _, status in found.statuses}
    assert found.statuses.total() >= EXAMPLES * len(taken)


METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"}


@pytest.mark.anyio
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_address_tells_its_methods(
    http: httpx2.AsyncClient, key: Callable[..., dict[str, str]]
) -> None:
    """Also where another address, with a parameter, would be the same."""
    described = (await http.get("/openapi.json")).json()["paths"]
    assert len(described) > 30
    assert openapi.EVENTS in described
    who = {**key(), "Clarion-Recipient": "bob"}
    for path, methods in described.items():
        known = {method.upper() for method in methods}
        address = path.replace("{verb}", "read").replace("{", "").replace("}", "")
        for method in {"TRACE"} if "{" in path else METHODS - known:
            answer = await http.request(method, address, headers=who)
            if path == "/v1/recipients/bulk" and answer.status_code != 405:
                assert method in {"GET", "PUT", "PATCH", "DELETE"}  # somebody may be called so
                continue
            assert answer.status_code == 405, (method, path, answer.text)
            assert known <= set(answer.headers["allow"].split(", ")), (method, path)


@pytest.mark.anyio
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_is_read_is_no_mark(http: httpx2.AsyncClient, key: Callable[..., dict[str, str]]) -> None:
    who = {**key(), "Clarion-Recipient": "bob"}
    for word in ("counts", "stream"):
        refused = await http.post(f"/v1/inbox/{word}", json={}, headers=who)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    for word in ("shred", "counted", "streams"):
        refused = await http.post(f"/v1/inbox/{word}", json={}, headers=who)
        assert refused.status_code == 422, word
        assert "'unsnooze'" in refused.json()["detail"]
