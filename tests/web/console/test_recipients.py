"""Recipients: found by how they begin, shown with what was decided for them, and every look at them noted."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from clarion import Channel, Clarion, Gone
from clarion.message import Message
from clarion.recipient import Address
from tests.support.working import Wire
from tests.web.console.conftest import SignIn, Visitor
from tests.web.console.scene import declare, told

pytestmark = pytest.mark.anyio


async def _gone(_message: Message, to: Address) -> str:
    if to.value.startswith("fails"):
        raise Gone("unknown", "nobody of this name")
    return "taken"


@pytest.fixture
def channels() -> list[Channel]:
    return [Wire(_gone)]


@pytest.fixture
def people(clarion: Clarion) -> Clarion:
    declare(clarion)
    return clarion


def noted(clarion: Clarion, verb: str) -> list[str | None]:
    """Whose data somebody was shown."""
    return [line.recipient for line in clarion.desk("a test").audit(verb=verb).items]


async def test_found_by_id_name_or_address(console: Visitor, people: Clarion) -> None:
    people.recipients.upsert("u-17", name="Zoe Quinn", addresses={"wire": "z@quinn.test"}, active=False)
    for typed in ("u-1", "zoe q", "z@quinn"):
        (row,) = (await console.get("/recipients", q=typed)).rows()
        assert row[0] == "u-17 not active"
    assert len((await console.get("/recipients", active="yes")).rows()) == 4
    assert (await console.get("/recipients", q="nobody")).rows() == []
    assert noted(people, "recipient.list").count("u-17") == 3


async def test_pages_that_do_not_look_at_everybody(console: Visitor, people: Clarion) -> None:
    people.recipients.upsert_many({"id": f"p{n:03}", "name": "Some"} for n in range(120))
    page, seen = await console.get("/recipients", q="some"), []
    while True:
        seen += [row[0] for row in page.rows()]
        following = page.all("a", rel="next")
        if not following:
            break
        page = await console.get(following[0].get("href") or "")
    assert seen == [f"p{n:03}" for n in range(120)]
    found, more = people.recipients.page("some", look_at=3)
    assert (found, more is not None) == ([], True)
    while more is not None and not found:
        found, more = people.recipients.page("some", after=more, look_at=3)
    assert found[0].id == "p000"


async def test_whoever_has_exactly_this_id_comes_first(console: Visitor, people: Clarion) -> None:
    people.recipients.upsert("a", name="bob the second")
    rows = (await console.get("/recipients", q="bob")).rows()
    assert [row[0] for row in rows] == ["bob", "a"]


async def test_one_of_them(console: Visitor, people: Clarion) -> None:
    people.recipients.choose(
        "bob",
        by="bob",
        quiet_hours={"daily": ["22:00-07:00"]},
        time_zone="America/New_York",
        preferences=[{"scope": "type:post", "channel": "wire", "enabled": False}],
    )
    event = await told(people, to=["bob", "fails"], subject="cl/1")
    page = await console.get("/recipients/bob")
    assert page.one("h1").text == "Recipients Bob"
    assert "22:00-07:00" in page.text
    (decision,) = page.one("div", aria_label="Decisions for them").rows()
    assert decision[1:5] == ["post", "cl/1", "direct", "told"]
    assert decision[5] != "–"  # the gate that kept it from the wire
    preferences = {row[0]: row for row in page.one("div", aria_label="Preferences").rows()}
    assert preferences["post"][2:] == ["yes", "no type:post on wire"]
    assert "America/New_York" in [
        link.text.split("(")[-1].rstrip(")") for link in page.one("p", id="zones").all("a")
    ]
    why = await console.get(page.one("div", aria_label="Decisions for them").all("a")[-1].get("href") or "")
    rows = {row[0]: row for row in why.one("div", aria_label="Decisions").rows()}
    assert rows["inbox"][1] == "told"
    assert rows["wire"][1] == "not told"
    assert f"event={event}" in console.address
    assert "bob" in noted(people, "recipient.show")


async def test_why_they_did_not_get_it(console: Visitor, people: Clarion) -> None:
    event = await told(people, to=["bob"])
    form = next(
        form
        for form in (await console.get("/recipients/carol")).all("form")
        if form.get("action") == "/console/recipients/carol"
    )
    page = await console.send(form, event=str(event))
    assert page.one("div", class_="why").text
    for wrong, said in (("x", "no id"), (str(uuid4()), "no event")):
        page = await console.send(form, status=422, event=wrong)
        assert said in page.one("p", role="alert").text


async def test_a_dead_address_is_revived(console: Visitor, people: Clarion) -> None:
    await told(people, to=["fails", "fails2"])
    rows = (await console.get("/addresses")).rows()
    assert sorted(row[0] for row in rows) == ["fails2@a.test", "fails@a.test"]
    assert all("nobody of this name" in row[4] for row in rows)
    page = await console.get("/addresses", recipient="fails")
    (form,) = [form for form in page.all("form") if (form.get("action") or "").endswith("/revive")]
    page = await console.send(form)
    assert "tried again" in page.one("p", role="status").text
    page = await console.get("/recipients/fails2")
    (form,) = [form for form in page.all("form") if (form.get("action") or "").endswith("/revive")]
    await console.send(form)
    assert people.addresses(gone=True) == []


async def test_ids_with_anything_in_them(console: Visitor, people: Clarion) -> None:
    for id in ("a/b", "a b?c#d", "ü%2F", "../keys", "x/export"):
        people.recipients.upsert(id, name="Odd")
    listed = await console.get("/recipients", q="odd")
    for link in listed.one("tbody").all("a"):
        page = await console.get(link.get("href") or "")
        assert page.one("section", aria_labelledby="who").one("code").text == link.text


async def test_exporting_and_erasing_need_scopes_of_their_own(sign_in: SignIn, people: Clarion) -> None:
    olga = await sign_in("operate", "recipients:read", "recipients:write")
    page = await olga.get("/recipients/bob")
    answer = await olga.http.get(page.link("Export as JSON"))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert json.loads(answer.text)["recipients"][0]["name"] == "Bob"
    (form,) = [form for form in page.all("form") if (form.get("action") or "").endswith("/erase")]
    page = await olga.send(form, status=422, id="bo")
    assert "'bob'" in page.one("p", role="alert").text
    assert people.recipients.get("bob") is not None
    page = await olga.send(form, id="bob")
    assert "erased" in page.one("p", role="status").text
    assert people.recipients.get("bob") is None
    without = await sign_in("operate", name="less")
    assert "Erase" not in (await without.get("/recipients/carol")).text


async def test_nothing_of_another_tenants(sign_in: SignIn, people: Clarion) -> None:
    event = await told(people, to=["bob", "fails"])
    other = await sign_in("operate", tenant="other")
    assert [row[:2] for row in (await other.get("/recipients")).rows()] == [["bob", "Bob of other"]]
    await other.get("/recipients/carol", status=404)
    shown = await other.get("/recipients/bob", status=422, event=str(event))
    assert "no event" in shown.one("p", role="alert").text
    assert (await other.get("/addresses")).rows() == []
