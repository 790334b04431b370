"""What all pages have: headers, menu, zones, one place for what went wrong, and no more weight than allowed."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import httpx2
import pytest

from clarion import Clarion, clock
from clarion.web.console import look
from tests.support.html import parse
from tests.web.console.conftest import FORM, SignIn, Visitor

pytestmark = pytest.mark.anyio

BUDGET = 60 * 1024


async def test_a_strict_policy(console: Visitor) -> None:
    for path in ("", "/silences", "/nothing", "/queue/nothing"):
        await console.http.get(f"/console{path}")
        answer = await console.http.get(f"/console{path}")
        said = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert said["default-src"] == "'none'"
        assert said["script-src"] == said["style-src"] == said["form-action"] == "'self'"
        assert said["frame-ancestors"] == said["base-uri"] == "'none'"
        assert said["require-trusted-types-for"] == "'script'"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(
            r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|\bjs:", answer.text
        )


async def test_what_may_be_opened_stands_in_the_menu(sign_in: SignIn) -> None:
    all_of_it = await (await sign_in(name="all")).get("/silences")
    less = await (await sign_in("observe", name="less")).get("/silences")
    entries = [
        [link.text for link in page.one("nav", aria_label="Console").all("a")] for page in (all_of_it, less)
    ]
    assert entries[0][-1] == "Keys"
    assert entries[1] == entries[0][:-1]
    (current,) = less.all("a", aria_current="page")
    assert current.text == "Silences"
    assert [form.get("action") for form in less.all("form", method="post")] == ["/console/sign-out"]


async def test_times_in_the_zone_that_the_url_or_the_browser_says(console: Visitor) -> None:
    async def made(path: str) -> tuple[str, str]:
        shown = (await console.get(path)).one("footer").all("time")[-1]
        return shown.text[:13], shown.get("title") or ""

    now = clock.now()
    utc, title = await made("/silences")
    assert utc == now.strftime("%Y-%m-%d %H")
    assert title.endswith(" UTC")
    kolkata = (now + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%d %H")
    assert (await made("/silences?zone=Asia/Kolkata"))[0] == kolkata
    console.http.cookies.set("clarion_zone", "Asia/Kolkata", domain="clarion.test")
    assert (await made("/silences"))[0] == kolkata
    assert (await made("/silences?zone=UTC"))[0] == utc


async def test_links_keep_the_zone(console: Visitor) -> None:
    shown = await console.get("/silences?zone=Asia/Kolkata&ended=1")
    for link in shown.one("nav", aria_label="Console").all("a"):
        assert (link.get("href") or "").endswith("?zone=Asia%2FKolkata")
    mine = next(link for link in shown.one("p", id="zones").all("a") if link.text == "mine")
    assert mine.get("href") == "/console/silences?ended=1"


async def test_what_went_wrong_is_a_page(console: Visitor, clarion: Clarion) -> None:
    for path, status, said in (
        ("/nothing", 404, "no page"),
        ("/queue/nothing", 404, "unknown channel"),
        ("/recipients/nobody", 404, "nobody"),
        ("/silences?zone=Mars/Base", 422, "zone"),
        ("?from=yesterday", 422, "from"),
        ("?from=-1h&to=-2h", 422, "swap"),
        ("/addresses?after=x", 422, "no id"),
        ("?q=%00", 422, "NUL"),
    ):
        shown = await console.get(path, status=status)
        assert said in shown.one("p", role="alert").text, path
        assert "application/problem" not in console.answer.headers["content-type"]


async def test_forms_that_are_none(console: Visitor) -> None:
    for content, kind, status in (
        ("{}", "application/json", 415),
        ("csrf=%ff", FORM["Content-Type"], 422),
        ("csrf=ü".encode(), FORM["Content-Type"], 422),
        ("x=1&" * 30_000, FORM["Content-Type"], 422),
    ):
        answer = await console.http.post("/console/silences", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")


async def test_what_was_done_is_said_once_and_by_nobody_else(sign_in: SignIn) -> None:
    olga, eve = await sign_in(name="olga"), await sign_in(name="eve")
    form = (await olga.get("/silences")).one("form", action="/console/silences", method="post")
    content = "&".join(
        f"{name}={value}" for name, value in [*form.values(), ("type", "note"), ("comment", "c")]
    )
    answer = await olga.http.post("/console/silences", content=content, headers=FORM)
    assert answer.status_code == 303
    eve.http.cookies.set("clarion_done", answer.cookies["clarion_done"], domain="clarion.test")
    assert not (await eve.get("/silences")).all("p", role="status")
    assert "It is silent until" in (await olga.get("/silences")).one("p", role="status").text
    assert not (await olga.get("/silences")).all("p", role="status")


async def test_files_are_kept_for_as_long_as_their_version_lasts(http: httpx2.AsyncClient) -> None:
    page = parse((await http.get("/console/sign-in")).text)
    (sheet,) = page.all("link", rel="stylesheet")
    answer = await http.get(sheet.get("href") or "")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert (await http.get("/console/static/console.css")).headers["cache-control"] == "public, no-cache"
    assert (await http.get("/console/static/README.md")).status_code == 404
    assert (await http.get("/console/static/../page.py")).status_code == 404


async def test_the_first_visit_weighs_little(console: Visitor) -> None:
    page = await console.get("")
    weight = len(gzip.compress(console.answer.content))
    files = {one.get("href") for one in page.all("link")} | {one.get("src") for one in page.all("script")}
    for file in files:
        answer = await console.http.get(file or "", headers={"Accept-Encoding": "gzip"})
        weight += len(gzip.compress(answer.content))
    assert weight <= BUDGET, f"{weight:,} bytes"


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://acme.test/cl/42", True),
        ("HTTP://acme.test", True),
        ("/cl/42#c7", True),
        ("//evil.test", False),
        ("/\\evil.test", False),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("/a\tb", False),
        ("", False),
        (None, False),
    ],
)
def test_which_addresses_of_the_application_are_links(value: str | None, link: bool) -> None:
    assert (look.outside(value) is not None) is link
