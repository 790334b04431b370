"""Somebody who is signed in at the console, without any script: pages are read, forms are sent as they stand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI

from clarion import Channel, Clarion
from tests.support.html import Element, parse
from tests.web.conftest import HOST
from tests.web.console.scene import wire

ALL = ("operate", "providers", "keys")


class Visitor:
    """A browser without scripts. `get` and `send` follow redirects, and give the page that is shown in the end."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.answer: httpx2.Response

    async def get(self, path: str, /, *, status: int = 200, **query: Any) -> Element:
        """A page of the console: its path below `/console`, or as a link has it."""
        at = path if path.startswith("/console") else f"/console{path}"
        self.answer = await self.http.get(at, params=query or None, follow_redirects=True)
        assert self.answer.status_code == status, self.answer.text
        return parse(self.answer.text)

    async def send(self, form: Element, /, *, status: int = 200, **filled: Any) -> Element:
        """Send a form of a page, with these of its fields filled in; several values as a list."""
        said = [(name, value) for name, value in form.values() if name not in filled]
        for name, value in filled.items():
            said += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
        at = form.get("action") or ""
        if form.get("method") == "post":
            self.answer = await self.http.post(at, content=encoded(said), headers=FORM, follow_redirects=True)
        else:
            at = urlsplit(at).path  # as a browser does: the fields are the whole query
            self.answer = await self.http.get(at, params=said, follow_redirects=True)
        assert self.answer.status_code == status, self.answer.text
        return parse(self.answer.text)

    @property
    def address(self) -> str:
        """Of the page that is shown: path and query."""
        url = self.answer.url
        return url.raw_path.decode()

    async def sign_in(self, secret: str) -> Element:
        return await self.send((await self.get("/sign-in")).one("form"), key=secret)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def encoded(said: list[tuple[str, str]]) -> str:
    return str(httpx2.QueryParams(said))


SignIn = Callable[..., Awaitable[Visitor]]


@pytest.fixture
def channels() -> list[Channel]:
    """Beside inboxes, the application sends on the wire of the scene."""
    return [wire()]


@pytest.fixture
async def sign_in(app: FastAPI, clarion: Clarion) -> AsyncIterator[SignIn]:
    """Signs somebody in with a new key of these scopes; without any, with all that operators can have."""
    opened: list[httpx2.AsyncClient] = []

    async def signed_in(*scopes: str, tenant: str = "default", name: str = "olga") -> Visitor:
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST)
        opened.append(http)
        issued = clarion.keys.issue(name, scopes or ALL, tenant=tenant)
        visitor = Visitor(http)
        await visitor.sign_in(issued.secret)
        return visitor

    yield signed_in
    for http in opened:
        await http.aclose()
    await app.state.service.close()


@pytest.fixture
async def console(sign_in: SignIn) -> Visitor:
    """Olga, who may do everything an operator can."""
    return await sign_in()
