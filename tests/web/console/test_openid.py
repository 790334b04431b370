"""Signing in with OpenID Connect: who comes back from the provider, what their groups may do, and everything forged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from clarion import Clarion, ConfigError
from clarion.web.app import create_app
from clarion.web.openid import groups_of
from clarion.web.openid_settings import OpenIdSettings, grant
from clarion.web.settings import Settings
from tests.support.html import Element, parse
from tests.support.openid import CLIENT, SECRET, Provider, provider
from tests.web.conftest import HOST
from tests.web.console.conftest import FORM, Visitor

pytestmark = pytest.mark.anyio

SESSIONS = "a secret for sessions, of thirty-two bytes at least"


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as made:
        yield made


def openid(idp: Provider, *grants: str, **changed: Any) -> OpenIdSettings:
    said = {"issuer": idp.url, "client_id": CLIENT, "client_secret": SECRET, "url": HOST, **changed}
    return OpenIdSettings(
        **said, grants=grants or ("operate keys in default: sre", "observe in other: support")
    )


@pytest.fixture
def settings(idp: Provider) -> Settings:
    return Settings(openid=openid(idp), session_secret=SESSIONS)


async def out(http: httpx2.AsyncClient, path: str = "/console/sign-in") -> str:
    """Where the browser is sent to."""
    page = parse((await http.get(path)).text)
    answer = await http.get(page.one("a", class_="button").get("href") or "")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def back(http: httpx2.AsyncClient, url: str) -> Element:
    answer = await http.get(url, headers={"Sec-Fetch-Site": "cross-site"})
    return parse(answer.text)


def refused(page: Element) -> str:
    return page.one("p", role="alert").text


@pytest.fixture
def one_tenant(idp: Provider, clarion: Clarion) -> Any:
    return create_app(
        clarion, Settings(openid=openid(idp, "operate keys in default: sre"), session_secret=SESSIONS)
    )


@pytest.fixture
async def browser(one_tenant: Any) -> Any:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(one_tenant), base_url=HOST) as client:
        yield client
    await one_tenant.state.service.close()


async def test_in_and_back_to_the_page_that_was_wanted(
    browser: httpx2.AsyncClient, idp: Provider, clarion: Clarion
) -> None:
    url = await out(browser, "/console/sign-in?next=/console/silences?ended=1")
    said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{idp.url}/authorize?")
    assert (said["response_type"], said["client_id"], said["code_challenge_method"]) == (
        "code",
        CLIENT,
        "S256",
    )
    assert said["redirect_uri"] == f"{HOST}/console/sign-in/openid/back"
    page = await back(browser, idp.sign_in(url))
    assert page.one("meta", http_equiv="refresh").get("content") == "0; url=/console/silences?ended=1"
    visitor = Visitor(browser)
    shown = await visitor.get("/silences")
    assert "operator olga@acme.test" in shown.text
    form = next(f for f in shown.all("form", method="post") if f.get("action") == "/console/silences")
    await visitor.send(form, type="note", comment="by somebody without a key")
    assert [one.author for one in clarion.silences()] == ["operator olga@acme.test"]
    assert "clarion_openid" not in browser.cookies


async def test_the_cookie_of_the_way_out_is_no_session(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/console/sign-in/openid")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "secure", "max-age=600"))
    sealed = browser.cookies["clarion_openid"]
    asked = await browser.get("/console", headers={"Cookie": f"clarion_session={sealed}"})
    assert asked.status_code == 303


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "somebody else"}, "udience"),
        ({"aud": [CLIENT, "more"]}, "azp"),
        ({"iss": "https://evil.test"}, "ssuer"),
        ({"exp": 1}, "expired"),
        ({"iat": 32503680000}, "to come"),
        ({"sub": None}, "sub"),
        ({"email": "", "sub": " "}, "sub"),
    ],
)
async def test_tokens_that_do_not_hold(
    browser: httpx2.AsyncClient, idp: Provider, lies: dict[str, Any], said: str
) -> None:
    idp.lies = lies
    page = await back(browser, idp.sign_in(await out(browser)))
    assert said in refused(page)
    assert "clarion_session" not in browser.cookies


async def test_a_token_that_somebody_else_signed(browser: httpx2.AsyncClient, idp: Provider) -> None:
    idp.signs_with = ec.generate_private_key(ec.SECP256R1())
    page = await back(browser, idp.sign_in(await out(browser)))
    assert "refused" in refused(page)
    assert "clarion_session" not in browser.cookies


async def test_ways_back_that_did_not_begin_here(
    browser: httpx2.AsyncClient, idp: Provider, travel: Callable[[timedelta], None]
) -> None:
    url = idp.sign_in(await out(browser))
    another = url.replace("state=", "state=x")
    assert "began here" in refused(await back(browser, another))
    assert "began here" in refused(await back(browser, url))  # the first has ended it
    url = idp.sign_in(await out(browser))
    travel(timedelta(minutes=11))
    browser.cookies.clear()
    assert "began here" in refused(await back(browser, url))
    url = await out(browser)
    state = parse_qs(urlsplit(url).query)["state"][0]
    denied = f"/console/sign-in/openid/back?error=access_denied&error_description=no&state={state}"
    assert "access_denied no" in refused(await back(browser, denied))


async def test_a_code_with_another_verifier_or_used_twice(browser: httpx2.AsyncClient, idp: Provider) -> None:
    url = idp.sign_in(await out(browser), code_challenge="of another")
    assert "invalid_grant" in refused(await back(browser, url))
    url = idp.sign_in(await out(browser))
    idp.codes.clear()
    assert "invalid_grant" in refused(await back(browser, url))


async def test_whoever_is_in_no_group_does_not_come_in(browser: httpx2.AsyncClient, idp: Provider) -> None:
    idp.claims["groups"] = ["sales", 17, None]
    page = await back(browser, idp.sign_in(await out(browser)))
    assert "in no group" in refused(page)


async def test_of_several_tenants_the_one_that_was_asked_for(http: httpx2.AsyncClient, idp: Provider) -> None:
    idp.claims["groups"] = ["support", "sre"]
    page = parse((await http.get("/console/sign-in")).text)
    ways = {link.text: link.get("href") or "" for link in page.all("a", class_="button")}
    assert list(ways) == ["Sign in with OpenID Connect (default)", "Sign in with OpenID Connect (other)"]
    answer = await http.get(ways["Sign in with OpenID Connect (other)"])
    await back(http, idp.sign_in(answer.headers["location"]))
    visitor = Visitor(http)
    shown = await visitor.get("/recipients")
    assert shown.one("span", class_="tenant").text == "other"
    assert "Bob of other" in shown.text
    await visitor.get("/keys", status=403)  # that is granted in the first tenant only


async def test_a_session_may_what_its_groups_may_now(clarion: Clarion, idp: Provider) -> None:
    cookies = httpx2.Cookies()
    for grants, status in (
        ("operate keys in default: sre", 200),
        ("observe in default: sre", 403),
        ("operate keys in default: others", 303),
    ):
        app = create_app(clarion, Settings(openid=openid(idp, grants), session_secret=SESSIONS))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=HOST, cookies=cookies
        ) as http:
            if "clarion_session" not in cookies:
                await back(http, idp.sign_in(await out(http)))
                cookies = http.cookies
            assert (await http.get("/console/keys")).status_code == status, grants
        await app.state.service.close()


async def test_it_ends_after_its_time(
    browser: httpx2.AsyncClient, idp: Provider, travel: Callable[[timedelta], None]
) -> None:
    await back(browser, idp.sign_in(await out(browser)))
    cookie = {"Cookie": f"clarion_session={browser.cookies['clarion_session']}"}
    browser.cookies.clear()
    travel(timedelta(hours=7))
    assert (await browser.get("/console/silences", headers=cookie)).status_code == 200
    forged = await browser.post("/console/silences", content="comment=x&type=y", headers={**FORM, **cookie})
    assert forged.status_code == 403
    travel(timedelta(hours=2))
    assert (await browser.get("/console/silences", headers=cookie)).status_code == 303


async def test_a_provider_that_cannot_be_asked(clarion: Clarion, idp: Provider) -> None:
    for changed in ({"issuer": "http://127.0.0.1:9"}, {"issuer": idp.url + "/elsewhere"}):
        app = create_app(clarion, Settings(openid=openid(idp, **changed)))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST) as http:
            answer = await http.get("/console/sign-in/openid")
            assert answer.status_code == 503
            assert "cannot be asked" in refused(parse(answer.text))
        await app.state.service.close()


async def test_where_it_is_not_set_up(clarion: Clarion) -> None:
    app = create_app(clarion, Settings())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST) as http:
        assert parse((await http.get("/console/sign-in")).text).all("a", class_="button") == []
        assert (await http.get("/console/sign-in/openid")).status_code == 404
    await app.state.service.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://login.acme.test"},
        {"issuer": "login.acme.test"},
        {"url": "http://clarion.acme.test"},
        {"url": "https://clarion.acme.test?x=1"},
        {"client_id": ""},
        {"scopes": ["email"]},
        {"grants": []},
        {"grants": ["sre"]},
        {"grants": ["opeate in default: sre"]},
        {"grants": ["metrics in default: sre"]},
    ],
)
def test_settings_that_cannot_work(changed: dict[str, Any]) -> None:
    good = {
        "issuer": "https://login.acme.test",
        "client_id": "c",
        "url": HOST,
        "grants": ["observe in default: sre"],
    }
    OpenIdSettings(**good)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        OpenIdSettings(**{**good, **changed})  # type: ignore[arg-type]


def test_a_grant_names_any_group() -> None:
    found = grant("operate providers in acme corp: CN=on call: sre, in OU=x")
    assert (found.scopes, found.tenant, found.group) == (
        ("operate", "providers"),
        "acme corp",
        "CN=on call: sre, in OU=x",
    )


@pytest.mark.parametrize(
    ("claims", "name", "groups"),
    [
        ({"groups": ["a", "b", 1]}, "groups", {"a", "b"}),
        ({"role": "a"}, "role", {"a"}),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"https://acme.test/groups": ["a"]}, "https://acme.test/groups", {"a"}),
        ({}, "groups", set()),
        ({"a": "b"}, "a.b", set()),
    ],
)
def test_groups_of_a_token(claims: dict[str, Any], name: str, groups: set[str]) -> None:
    assert groups_of(claims, name) == groups
