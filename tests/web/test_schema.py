"""The description of the API is what the API does: see `fuzz`, of which this is a short run."""

from __future__ import annotations

import httpx2
import pytest

from clarion import Channel, Clarion
from clarion.channels.email import Email
from clarion.web import openapi
from tests.web import fuzz
from tests.web.test_access import WHOLE

EXAMPLES = 8


@pytest.fixture
def channels() -> list[Channel]:
    return [Email(fuzz.NOWHERE, sender="Acme <hello@acme.test>")]


def test_no_server_error_and_nothing_undocumented(clarion: Clarion, forgetful: list[str]) -> None:
    """Nor a statement that forgets the tenant, whatever is asked."""
    found = fuzz.populated(clarion)
    for operation in fuzz.operations(found):
        fuzz.ask(found, operation, EXAMPLES)
        if (operation.method.upper(), operation.path) in WHOLE:
            forgetful.clear()  # what waits is counted for the whole installation
        assert forgetful == [], operation.label
    asked = {label for label, _ in found.statuses}
    assert {"POST /v1/events", "GET /v1/inbox", "PATCH /v1/me/configuration"} <= asked
    assert {200, 201, 204, 401, 403, 404, 422} <= {status for _, status in found.statuses}
    assert found.statuses.total() >= EXAMPLES * len(asked) // 2


@pytest.mark.anyio
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_every_address_tells_its_methods(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()["paths"]
    assert len(described) > 30
    for path, methods in described.items():
        answer = await http.request("TRACE", path.replace("{", "").replace("}", ""))
        assert answer.status_code == 405, path
        assert {method.upper() for method in methods} <= set(answer.headers["allow"].split(", ")), path
    assert openapi.EVENTS in described
