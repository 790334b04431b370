"""Keys: issued with a secret that is shown once, with no more than one has oneself, and revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clarion import Clarion, clock
from tests.support.html import Element
from tests.web.console.conftest import SignIn, Visitor

pytestmark = pytest.mark.anyio


def issuing(page: Element) -> Element:
    return next(f for f in page.all("form", method="post") if f.get("action") == "/console/keys")


def revoking(page: Element, name: str) -> Element:
    row = next(row for row in page.one("tbody").all("tr") if row.one("th").text.startswith(name))
    return row.one("form")


async def test_a_secret_that_is_shown_once(console: Visitor, clarion: Clarion) -> None:
    page = await console.send(
        issuing(await console.get("/keys")), name="shop", scope=["observe", "operate"], lasts="30d"
    )
    secret = page.one("code", class_="once").text
    key = clarion.keys.check(secret)
    assert key is not None
    assert (key.name, key.scopes, key.created_by) == ("shop", ("observe", "operate"), "operator olga")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - clock.now() <= timedelta(days=30)
    assert console.answer.headers["cache-control"] == "no-store"
    await console.get("/keys")
    assert secret not in console.answer.text


async def test_sent_again_it_makes_no_second_key(console: Visitor, clarion: Clarion) -> None:
    form = issuing(await console.get("/keys"))
    await console.send(form, name="shop", scope="observe")
    page = await console.send(form, status=422, name="shop", scope="observe")
    assert "shown once" in page.one("p", role="alert").text
    assert [key.name for key in clarion.keys.all()] == ["olga", "shop"]


async def test_nobody_gives_what_they_do_not_have(console: Visitor, clarion: Clarion) -> None:
    page = await console.get("/keys")
    boxes = {box.get("value"): box.get("disabled") for box in page.all("input", name="scope")}
    assert boxes["observe"] is None
    assert boxes["recipients:write"] is not None
    await console.send(issuing(page), status=403, name="more", scope=["observe", "recipients:write"])
    for filled, said in (({"scope": "observe"}, "name is empty"), ({"name": "none"}, "opens nothing")):
        refused = await console.send(issuing(page), status=422, **filled)
        assert said in refused.one("p", role="alert").text
    assert [key.name for key in clarion.keys.all()] == ["olga"]


async def test_revoking(console: Visitor, clarion: Clarion) -> None:
    clarion.keys.issue("shop", ["observe"])
    page = await console.send(revoking(await console.get("/keys"), "shop"))
    assert "shop opens nothing any more" in page.one("p", role="status").text
    assert [row[0] for row in page.rows()] == ["olga yours"]
    every = {row[0]: row[3] for row in (await console.get("/keys?all=1")).rows()}
    assert every == {"olga yours": "holds", "shop": "revoked"}


async def test_nobody_revokes_another_tenants(sign_in: SignIn, console: Visitor, clarion: Clarion) -> None:
    issued = clarion.keys.issue("theirs", ["observe"], tenant="other")
    form = revoking(await console.get("/keys"), "olga")
    form.attributes["action"] = f"/console/keys/{issued.key.id}/revoke"
    await console.send(form, status=404)
    assert clarion.keys.check(issued.secret) is not None
