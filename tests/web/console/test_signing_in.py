"""The way in and out: a key, the page that was wanted, and nobody in somebody else's name."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from clarion import Clarion
from tests.support.html import parse
from tests.web.conftest import HOST
from tests.web.console.conftest import FORM, SignIn, Visitor, encoded

pytestmark = pytest.mark.anyio


def secret(clarion: Clarion, *scopes: str) -> str:
    return clarion.keys.issue("olga", scopes or ["observe"]).secret


async def test_back_to_the_page_that_was_wanted(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    visitor = Visitor(http)
    asked = await visitor.get("/silences", ended="1", zone="Europe/Berlin")
    assert visitor.answer.url.path == "/console/sign-in"
    shown = await visitor.send(asked.one("form"), key=secret(clarion))
    assert visitor.address == "/console/silences?ended=1&zone=Europe%2FBerlin"
    assert "operator olga" in shown.text


async def test_signing_out(console: Visitor) -> None:
    shown = await console.get("")
    out = await console.send(shown.one("form", class_="who"))
    assert out.one("h1").text == "Sign in"
    await console.get("/silences")
    assert console.answer.url.path == "/console/sign-in"


async def test_keys_that_open_nothing(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    visitor = Visitor(http)
    form = (await visitor.get("/sign-in", next="/console/keys")).one("form")
    revoked = clarion.keys.issue("gone", ["operate"])
    clarion.keys.revoke(revoked.key.id)
    for key, status, said in (
        ("clk_nothing", 401, "not known"),
        (revoked.secret, 401, "revoked"),
        (secret(clarion, "events:read"), 403, "observe"),
    ):
        shown = await visitor.send(form, key=key, status=status)
        assert said in shown.one("p", role="alert").text
        assert shown.one("input", name="next").get("value") == "/console/keys"
        assert key not in visitor.answer.text
        assert "clarion_session" not in http.cookies
        assert "www-authenticate" not in visitor.answer.headers


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.test/",
        "//evil.test/console",
        "/\\evil.test",
        "/v1/session",
        "/consolex",
        "/console/../v1/keys",
        "javascript:alert(1)",
        "console",
        "\x00",
    ],
)
async def test_nowhere_else(http: httpx2.AsyncClient, clarion: Clarion, wanted: str) -> None:
    content = encoded([("key", secret(clarion)), ("next", wanted)])
    answer = await http.post("/console/sign-in", content=content, headers=FORM)
    if "\x00" in wanted:
        assert answer.status_code == 422
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def test_no_other_site_signs_anybody_in(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    content = encoded([("key", secret(clarion))])
    for headers in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await http.post("/console/sign-in", content=content, headers={**FORM, **headers})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_a_form_needs_the_sessions_token(console: Visitor, clarion: Clarion) -> None:
    form = (await console.get("/silences")).one("form", action="/console/silences", method="post")
    said = [(name, value) for name, value in form.values() if name != "csrf"]
    said += [("type", "note"), ("comment", "forged")]
    forged: list[tuple[list[tuple[str, str]], dict[str, str]]] = [
        (said, {}),
        ([*said, ("csrf", "x")], {}),
        ([*said, ("csrf", dict(form.values())["csrf"])], {"Origin": "https://evil.test"}),
    ]
    for fields, headers in forged:
        answer = await console.http.post(
            "/console/silences", content=encoded(fields), headers={**FORM, **headers}
        )
        assert answer.status_code == 403
    assert clarion.silences() == []
    await console.send(form, type="note", comment="meant")
    assert [one.comment for one in clarion.silences()] == ["meant"]


async def test_a_link_of_another_site_comes_again_with_the_cookie(console: Visitor) -> None:
    """A browser brings a strict cookie only with what a page of ours asks for."""
    bare = httpx2.AsyncClient(transport=console.http._transport, base_url=HOST)
    answer = await bare.get("/console/queue?zone=UTC", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    again = parse(answer.text).one("meta", http_equiv="refresh")
    assert again.get("content") == "0; url=/console/queue?zone=UTC"
    asked = await bare.get("/console/queue?zone=UTC", headers={"Sec-Fetch-Site": "same-origin"})
    assert asked.headers["location"].startswith("/console/sign-in?next=")


async def test_a_live_part_is_told_that_nobody_is_signed_in(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/console", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (401, "")


async def test_a_key_that_is_revoked_ends_the_session(
    sign_in: SignIn, clarion: Clarion, travel: object
) -> None:
    visitor = await sign_in("observe")
    (key,) = clarion.keys.all()
    clarion.keys.revoke(key.id)
    assert callable(travel)
    travel(timedelta(seconds=6))
    await visitor.get("")
    assert visitor.answer.url.path == "/console/sign-in"
