"""Every address of the console × whoever asks: each says what it needs, and nothing else opens it."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx2
import pytest

from clarion.api_key import SCOPES, allowed
from clarion.web.console import routes
from clarion.web.console.pages import Declared
from tests.web.conftest import token
from tests.web.console.conftest import FORM, SignIn, Visitor

pytestmark = pytest.mark.anyio

DECLARED = list(routes.declared())
ACTING = frozenset(SCOPES) - {"observe", "events:read", "recipients:read"}


def address(one: Declared) -> str:
    return "/console" + re.sub(r"\{[^}]*\}", str(uuid4()), one.path)


async def ask(http: httpx2.AsyncClient, one: Declared, csrf: str = "", **headers: str) -> httpx2.Response:
    if one.method == "GET":
        return await http.get(address(one), headers=headers)
    return await http.post(address(one), content=f"csrf={csrf}", headers={**FORM, **headers})


async def csrf_of(visitor: Visitor) -> str:
    return dict((await visitor.get("/silences")).one("form", class_="who").values())["csrf"]


def test_what_changes_something_needs_more_than_to_look() -> None:
    assert len(DECLARED) > 20
    assert {one.scope for one in DECLARED} <= set(SCOPES)
    for one in DECLARED:
        assert one.method == "GET" or one.scope in ACTING, one.path


async def test_nobody_comes_in_without_signing_in(http: httpx2.AsyncClient) -> None:
    for one in DECLARED:
        for headers in ({}, token("bob"), {"Cookie": "clarion_session=x.y"}):
            answer = await ask(http, one, **headers)
            assert answer.status_code == (303 if one.method == "GET" else 401), (one.path, answer.text)
            if one.method == "GET":
                assert answer.headers["location"].startswith("/console/sign-in?next=")


async def test_every_scope_opens_its_own_and_nothing_else(sign_in: SignIn, forgetful: list[str]) -> None:
    """An operator with nothing but `observe` and one scope more."""
    for scope in SCOPES:
        visitor = await sign_in(*{"observe", scope}, name=scope)
        csrf, mine = await csrf_of(visitor), allowed({"observe", scope})
        for one in DECLARED:
            assert forgetful == [], one.path
            answer = await ask(visitor.http, one, csrf)
            assert (answer.status_code == 403) != (one.scope in mine), (one.path, scope, answer.text)
            assert answer.status_code < 500, (one.path, answer.text)
            if one.scope == "providers":
                forgetful.clear()  # of the whole installation


async def test_a_program_with_a_key_is_no_operator(http: httpx2.AsyncClient, key: object) -> None:
    assert callable(key)
    for one in DECLARED:
        assert (await ask(http, one, **key())).status_code in (303, 401), one.path
