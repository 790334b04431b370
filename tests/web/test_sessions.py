"""Operators in a browser; S8: nobody acts in their name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from clarion import Clarion, clock
from clarion.web.app import create_app
from clarion.web.keyring import REMEMBERED_FOR
from clarion.web.settings import Settings
from tests.web.conftest import HOST

pytestmark = pytest.mark.anyio

Travel = Callable[[timedelta], None]


def secret(clarion: Clarion, *scopes: str, lasts: timedelta | None = None) -> str:
    ends = None if lasts is None else clock.now() + lasts
    return clarion.keys.issue("olga", scopes or ["operate", "recipients:write"], expires_at=ends).secret


async def sign_in(http: httpx2.AsyncClient, key: str) -> str:
    answer = await http.post("/v1/session", json={"key": key})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["csrf"])


async def test_signing_in_and_out(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    csrf = await sign_in(http, secret(clarion))
    shown = await http.get("/v1/session")
    assert (shown.json()["name"], shown.json()["csrf"]) == ("operator olga", csrf)
    assert (await http.put("/v1/recipients/dave", json={}, headers={"Clarion-CSRF": csrf})).status_code == 200
    assert (await http.delete("/v1/session", headers={"Clarion-CSRF": csrf})).status_code == 204
    assert (await http.get("/v1/session")).status_code == 401


async def test_who_only_observes_signs_in_and_sees(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    signed = {"Clarion-CSRF": await sign_in(http, secret(clarion, "observe"))}
    assert (await http.get("/v1/deliveries")).status_code == 200
    silence = {"matches": {"type": "*"}, "comment": "c", "until": "2099-01-01T00:00:00Z"}
    assert (await http.post("/v1/silences", json=silence, headers=signed)).status_code == 403
    assert (await http.get("/v1/silences")).json() == {"silences": []}


async def test_a_cookie_that_no_script_reads_and_no_other_site_sends(
    clarion: Clarion, http: httpx2.AsyncClient
) -> None:
    answer = await http.post("/v1/session", json={"key": secret(clarion)})
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure", "path=/", "max-age="))
    local = await http.post("http://127.0.0.1:8080/v1/session", json={"key": secret(clarion)})
    assert "secure" not in local.headers["set-cookie"].lower()


async def test_forged_requests_are_refused(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    csrf = await sign_in(http, secret(clarion))
    good = {"Clarion-CSRF": csrf}
    forged: list[dict[str, str]] = [
        {},
        {"Clarion-CSRF": ""},
        {"Clarion-CSRF": csrf[:-1]},
        {"Clarion-CSRF": "ü"},
        {**good, "Origin": "https://evil.test"},
        {**good, "Origin": "null"},
        {**good, "Sec-Fetch-Site": "cross-site"},
        {**good, "Sec-Fetch-Site": "same-site"},
    ]
    for headers in forged:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        for method, path in (("PUT", "/v1/recipients/bob"), ("DELETE", "/v1/session")):
            answer = await http.request(method, path, json={"name": "Eve"}, headers=raw)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:clarion:problem:csrf"), headers
    kept = clarion.recipients.get("bob")
    assert kept is not None
    assert kept.name == "Bob of default"
    same = {**good, "Origin": HOST, "Sec-Fetch-Site": "same-origin"}
    assert (await http.put("/v1/recipients/bob", json={"name": "Bob"}, headers=same)).status_code == 200


async def test_sessions_that_are_none(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    await sign_in(http, secret(clarion))
    cookie = http.cookies["clarion_session"]
    http.cookies.clear()
    body, _, signature = cookie.partition(".")
    for forged in (
        "",
        "x",
        ".",
        body,
        f"{body}.",
        f"{body}x.{signature}",
        f"{body}.{signature[:-2]}",
        "A" * 5000,
    ):
        answer = await http.get("/v1/session", headers={"Cookie": f"clarion_session={forged}"})
        assert answer.status_code == 401, forged
    other = create_app(clarion, Settings(session_secret="another secret of thirty-two bytes, at least"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(other), base_url=HOST) as elsewhere:
        answer = await elsewhere.get("/v1/session", headers={"Cookie": f"clarion_session={cookie}"})
        assert answer.status_code == 401


async def test_processes_with_one_secret_know_each_others_sessions(clarion: Clarion) -> None:
    settings = Settings(session_secret="a secret of thirty-two bytes, or even more")
    cookies = httpx2.Cookies()
    for _ in range(2):
        transport = httpx2.ASGITransport(create_app(clarion, settings))
        async with httpx2.AsyncClient(transport=transport, base_url=HOST, cookies=cookies) as http:
            if not cookies:
                await sign_in(http, secret(clarion))
                cookies = http.cookies
            assert (await http.get("/v1/session")).status_code == 200


async def test_a_session_ends_with_its_time(
    http: httpx2.AsyncClient, clarion: Clarion, travel: Travel
) -> None:
    await sign_in(http, secret(clarion))
    cookie = {"Cookie": f"clarion_session={http.cookies['clarion_session']}"}
    http.cookies.clear()
    travel(timedelta(hours=7, minutes=59))
    assert (await http.get("/v1/session", headers=cookie)).status_code == 200
    travel(timedelta(minutes=2))
    assert (await http.get("/v1/session", headers=cookie)).status_code == 401


async def test_a_session_ends_with_its_key(
    http: httpx2.AsyncClient, clarion: Clarion, travel: Travel
) -> None:
    await sign_in(http, secret(clarion))
    assert (await http.get("/v1/session")).status_code == 200
    clarion.keys.revoke(clarion.keys.all()[0].id)
    travel(timedelta(seconds=REMEMBERED_FOR))
    assert (await http.get("/v1/session")).status_code == 401


async def test_a_revoked_key_is_refused_within_seconds(
    http: httpx2.AsyncClient, clarion: Clarion, travel: Travel
) -> None:
    mine = {"Authorization": f"Bearer {secret(clarion)}"}
    assert (await http.get("/v1/types", headers=mine)).status_code == 200
    clarion.keys.revoke(clarion.keys.all()[0].id)
    travel(timedelta(seconds=REMEMBERED_FOR))
    assert (await http.get("/v1/types", headers=mine)).status_code == 401


async def test_a_key_that_expires_is_refused_at_once(
    http: httpx2.AsyncClient, clarion: Clarion, travel: Travel
) -> None:
    mine = {"Authorization": f"Bearer {secret(clarion, lasts=timedelta(seconds=3))}"}
    assert (await http.get("/v1/types", headers=mine)).status_code == 200
    travel(timedelta(seconds=3))
    assert (await http.get("/v1/types", headers=mine)).status_code == 401


async def test_keys_that_sign_nobody_in(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    without = await http.post("/v1/session", json={"key": secret(clarion, "events:read")})
    assert (without.status_code, "operate" in without.json()["detail"]) == (403, True)
    for key in ("", "clk_x", "clk_" + "A" * 43):
        assert (await http.post("/v1/session", json={"key": key})).status_code == 401
    assert (
        await http.get("/v1/session", headers={"Authorization": f"Bearer {secret(clarion)}"})
    ).status_code == 404
