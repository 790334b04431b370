"""The template lab: what is live, what is edited, and how little a mail in its frame may do."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from clarion import Channel, Clarion, Email
from clarion.templates import Renderer
from clarion.web.console.mail_frame import as_preferred
from tests.support.html import Element
from tests.support.working import emit
from tests.web.console.conftest import SignIn, Visitor

pytestmark = pytest.mark.anyio


@pytest.fixture
def channels() -> list[Channel]:
    return [Email("smtp://localhost:1", sender="Acme <hello@acme.test>")]


@pytest.fixture
def event(clarion: Clarion, tmp_path: Path) -> UUID:
    folder = tmp_path / "templates" / "mailed"
    folder.mkdir(parents=True)
    (folder / "email.subject.j2").write_text("{{ data.who }} has mailed", "utf-8")
    clarion.renderer = Renderer(directory=tmp_path / "templates")
    clarion.type("mailed", channels=["inbox", "email"], category="notes", description="Mail came.")
    return emit(clarion, "mailed", to=["bob"], data={"who": "Zoë <b>", "text": "Hello"})


def editor(page: Element) -> Element:
    return page.one("form", class_="edit")


async def test_of_a_sample_and_of_an_event(console: Visitor, event: UUID) -> None:
    sample = await console.get("/templates", type="mailed")
    assert sample.one("p", class_="subject").text == "Subject who has mailed"
    of_event = await console.get("/templates", type="mailed", event=str(event))
    assert of_event.one("p", class_="subject").text == "Subject Zoë <b> has mailed"
    text = await console.get("/templates", type="mailed", event=str(event), part="text")
    assert "Hello" in text.one("pre", class_="text").text
    headers = await console.get("/templates", type="mailed", event=str(event), part="headers")
    assert "Zoë <b> has mailed" in headers.one("dl", class_="mono").text
    inbox = await console.get("/templates", type="mailed", channel="inbox", part="headers")
    assert "This channel sends no mail" in inbox.text


async def test_the_frame_may_do_nothing(console: Visitor, event: UUID) -> None:
    page = await console.get("/templates", type="mailed", event=str(event), width="320", scheme="dark")
    assert "frame-src 'self'" in console.answer.headers["content-security-policy"]
    frame = page.one("iframe")
    assert (frame.get("sandbox"), frame.get("width")) == ("", "320")
    answer = await console.http.get(frame.get("src") or "")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert "Zoë &lt;b&gt; has mailed" in answer.text
    assert "color-scheme:dark!important" in answer.text


@pytest.mark.parametrize("dark", [True, False])
async def test_a_scheme_is_what_the_reader_prefers(dark: bool) -> None:
    html = "<head><style>@media (prefers-color-scheme:dark){a{}} @media ( Prefers-Color-Scheme : light ){b{}}</style></head>"
    shown = as_preferred(html, dark=dark)
    never, always = "(max-width:0)", "(min-width:0)"
    assert f"@media {always if dark else never}{{a{{}}}}" in shown
    assert f"@media {never if dark else always}{{b{{}}}}" in shown


async def test_edited_data_beside_what_is_live(console: Visitor, clarion: Clarion, event: UUID) -> None:
    page = await console.get("/templates", type="mailed", event=str(event))
    edited = await console.send(editor(page), data='{"who": "Eve", "text": "Hello"}')
    subjects = [one.text for one in edited.all("p", class_="subject")]
    assert subjects == ["Subject Zoë <b> has mailed", "Subject Eve has mailed"]
    changes = edited.one("div", class_="diff").rows()
    assert ["−live", "Zoë <b> has mailed"] in changes
    assert ["+edited", "Eve has mailed"] in changes
    frames = [one.get("src") or "" for one in edited.all("iframe")]
    assert "Eve has mailed" in (await console.http.get(frames[1])).text
    assert "draft=" in console.address
    same = await console.get(console.address)
    assert [one.text for one in same.all("p", class_="subject")] == subjects
    undone = await console.send(editor(edited), undo="yes")
    assert "draft=" not in console.address
    assert len(undone.all("p", class_="subject")) == 1


async def test_an_edited_template(console: Visitor, event: UUID) -> None:
    page = await console.get("/templates", type="mailed", event=str(event))
    edited = await console.send(editor(page), **{"text-subject": "News of {{ data.who }}"})
    assert [one.text for one in edited.all("p", class_="subject")][1] == "Subject News of Zoë <b>"
    broken = await console.send(editor(page), **{"text-subject": "{{ nothing.at.all }}"})
    (problem,) = broken.all("p", class_="bad")
    assert "This cannot be sent." in problem.text
    assert "nothing" in problem.text


async def test_what_somebody_else_edited_is_not_written(
    console: Visitor, sign_in: SignIn, event: UUID
) -> None:
    page = await console.get("/templates", type="mailed", event=str(event))
    await console.send(editor(page), **{"text-subject": "Edited by olga"})
    other = await sign_in(name="otto")
    seen = await other.get(console.address)
    assert "Somebody else edited these templates." in seen.text
    assert [one.text for one in seen.all("p", class_="subject")] == ["Subject Zoë <b> has mailed"] * 2
    mine = await other.send(editor(seen))
    assert [one.text for one in mine.all("p", class_="subject")][1] == "Subject Edited by olga"


async def test_what_cannot_be_shown_is_said(console: Visitor, event: UUID) -> None:
    page = await console.get("/templates", type="mailed")
    for wrong in ("{", "[]", '"text"'):
        again = await console.send(editor(page), status=422, data=wrong, **{"text-subject": "Kept"})
        assert "the data is no JSON" in again.one("p", role="alert").text
        assert ("data", wrong) in editor(again).values()  # what was typed is still there
        assert "Kept" in dict(editor(again).values())["text-subject"]
    large = "{" + ",".join(f'"{n * 7919 % 104729}": {n * n}' for n in range(9000)) + "}"
    assert "of an address" in (await console.send(editor(page), status=422, data=large)).text
    assert "damaged" in (await console.get("/templates", status=422, type="mailed", draft="AAAA")).text
    await console.get("/templates", status=422, type="nothing")
    await console.get("/templates", status=422, type="mailed", locale="nonsense!")
    await console.get("/templates", status=422, type="mailed", scheme="sepia")


async def test_who_may_only_look_edits_nothing(sign_in: SignIn, event: UUID) -> None:
    observer = await sign_in("observe")
    page = await observer.get("/templates", type="mailed", event=str(event))
    assert page.all("form", class_="edit") == []


async def test_another_tenants_event(sign_in: SignIn, event: UUID) -> None:
    theirs = await sign_in(tenant="other")
    await theirs.get("/templates", status=404, type="mailed", event=str(event))
