"""The browser components as files."""

from __future__ import annotations

import re

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from clarion import Clarion
from clarion.web.app import create_app
from clarion.web.settings import Settings
from tests.web.conftest import HOST

pytestmark = pytest.mark.anyio


async def test_every_file_that_the_components_import_is_there(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/static/clarion.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    imported = set(re.findall(r'import\("\./([\w/.-]+)"\)', answer.text))
    assert "inbox.js" in imported
    for name in (*imported, "locale/ar.js", "locale/de.js", "custom-elements.json", "clarion.d.ts"):
        assert (await http.get(f"/static/{name}")).status_code == 200, name


async def test_what_is_known_is_not_sent_again(http: httpx2.AsyncClient) -> None:
    first = await http.get("/static/clarion.js")
    assert first.headers["cache-control"] == "public, no-cache"
    again = await http.get("/static/clarion.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await http.get("/static/clarion.js", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200
    head = await http.head("/static/clarion.js")
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])
    plain = await http.get("/static/clarion.js", headers={"Accept-Encoding": "identity"})
    assert (plain.content, "content-encoding" in plain.headers) == (first.content, False)
    assert first.headers["content-encoding"] == "gzip"
    assert int(first.headers["content-length"]) < int(plain.headers["content-length"]) / 2


@pytest.mark.parametrize(
    "path", ["", "nothing.js", "../app.py", "..%2Fapp.py", "locale/../../app.py", "/etc/passwd", "%2e%2e/app.py", "locale"]
)  # fmt: skip
async def test_nothing_else_is(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(f"/static/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pages_that_are_named_may_load_them(clarion: Clarion) -> None:
    app = create_app(clarion, Settings(cors_origins=["https://app.acme.test"]))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(Starlette(routes=[Mount("/n", app)])), base_url=HOST
    ) as http:
        for origin, allowed in (("https://app.acme.test", True), ("https://b.test", False)):
            answer = await http.get("/n/static/clarion.js", headers={"Origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) == allowed
            assert "Origin" in answer.headers["vary"]
