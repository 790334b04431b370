"""Trying out words: of an event that exists, of a sample, and of what is edited for the occasion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from clarion import Clarion, Email
from clarion.errors import InvalidInput, NotFound, UnknownName
from clarion.lab import EDIT_LIMIT
from tests.conftest import copy_sqlite
from tests.support.working import Wire, emit

SUBJECT = "note/email.subject.j2"


@pytest.fixture
def clarion(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Clarion]:
    copy_sqlite(migrated_sqlite, tmp_path / "clarion.db")
    folder = tmp_path / "templates" / "note"
    folder.mkdir(parents=True)
    (folder / "email.subject.j2").write_text("{{ data.who }} noted {{ data['what'] }}", "utf-8")
    (folder / "email.de.subject.j2").write_text("{{ data.who }} notiert {{ data.what }}", "utf-8")
    made = Clarion(
        f"sqlite:///{tmp_path / 'clarion.db'}",
        channels=[Email("smtp://localhost:1", sender="Acme <hello@acme.test>"), Wire()],
        templates=tmp_path / "templates",
        base_url="https://acme.test",
    )
    made.type("note", channels=["inbox", "email"], description="Something was noted.")
    made.type("plain", channels=["inbox"])
    made.recipients.upsert("bob", name="Bob", locale="de", addresses={"email": "bob@a.test"})
    yield made
    made.close()


def test_a_sample_has_something_for_all_that_is_read(clarion: Clarion) -> None:
    sheet = clarion.lay_out("note", channel="email")
    assert sheet.problem is None
    assert sheet.content is not None
    assert sheet.content.title == "who noted what"
    assert sheet.content.html is not None
    headers = dict(sheet.headers)
    assert headers["Subject"] == "who noted what"
    assert headers["From"] == "Acme <hello@acme.test>"
    assert headers["To"] == "Sam Sample <sam@example.test>"
    assert sheet.size is not None
    assert sheet.size > 1000


def test_an_event_that_exists_to_somebody(clarion: Clarion) -> None:
    event = emit(clarion, "note", to=["bob"], data={"who": "Zoë", "what": "€5"})
    sheet = clarion.lay_out("note", channel="email", event=event, recipient="bob")
    assert sheet.content is not None
    assert (sheet.locale, sheet.content.title) == ("de", "Zoë notiert €5")
    assert dict(sheet.headers)["Subject"] == "Zoë notiert €5"
    english = clarion.lay_out("note", channel="email", event=event, recipient="bob", locale="en")
    assert english.content is not None
    assert english.content.title == "Zoë noted €5"


def test_other_data_leaves_the_event_as_it_is(clarion: Clarion) -> None:
    event = emit(clarion, "note", to=["bob"], data={"who": "alice", "what": "this"})
    other = clarion.lay_out("note", channel="email", event=event, data={"who": "eve", "what": "that"})
    same = clarion.lay_out("note", channel="email", event=event)
    assert other.content is not None
    assert same.content is not None
    assert (other.content.title, same.content.title) == ("eve noted that", "alice noted this")


def test_data_that_a_template_cannot_be_written_from(clarion: Clarion) -> None:
    sheet = clarion.lay_out("note", channel="email", data={})
    assert sheet.content is None
    assert sheet.problem is not None
    assert SUBJECT in sheet.problem
    assert "who" in sheet.problem


def test_what_writes_each_part(clarion: Clarion) -> None:
    sources = clarion.lay_out("note", channel="email").sources
    assert sources["subject"].name == SUBJECT
    assert sources["subject"].text == "{{ data.who }} noted {{ data['what'] }}"
    assert sources["html"].name == "clarion/email.html.j2"
    assert (sources["text"].name, sources["text"].exists) == ("note/email.text.j2", False)


def test_edited_texts(clarion: Clarion) -> None:
    edited = {
        SUBJECT: "Edited by {{ recipient.name }}",
        "note/email.text.j2": "{{ actor }}, twice: {{ actor }}",
    }
    sheet = clarion.lay_out("note", channel="email", edited=edited)
    assert sheet.problem is None
    assert sheet.content is not None
    assert sheet.content.title == "Edited by Sam Sample"
    assert "Alice Example, twice: Alice Example" in sheet.content.text
    live = clarion.lay_out("note", channel="email").content
    assert live is not None
    assert live.title == "who noted what"


def test_a_part_of_the_built_in_mail_is_edited(clarion: Clarion) -> None:
    html = '{% extends "clarion/email.html.j2" %}{% block brand %}<b>{{ title }} & co</b>{% endblock %}'
    sheet = clarion.lay_out(
        "note", channel="email", edited={"note/email.html.j2": html}, data={"who": "<i>", "what": "x"}
    )
    assert sheet.content is not None
    assert sheet.content.html is not None
    assert "<b>&lt;i&gt; noted x & co</b>" in sheet.content.html


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ 'x' * 10**9 }}", "MemoryError"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "takes more than"),
        ("{{ 'x' * 3000000 }}", None),
        ("{{ data.__class__.__mro__ }}", "cannot be written"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "cannot be written"),
        ("{{ cycler.__init__.__globals__.os.environ }}", "cannot be written"),
        ("{% if %}", "line 1"),
        ("{% include '/etc/passwd' %}", "does not exist"),
        ("{{ nothing }}", "nothing"),
    ],
)
def test_templates_that_go_too_far_are_refused(clarion: Clarion, text: str, said: str | None) -> None:
    sheet = clarion.lay_out("note", channel="email", edited={"note/email.plain.j2": text})
    assert sheet.content is None
    assert sheet.problem is not None
    assert (said or "writes more than") in sheet.problem


def test_what_cannot_be_laid_out(clarion: Clarion) -> None:
    with pytest.raises(UnknownName, match="nott"):
        clarion.lay_out("nott", channel="email")
    with pytest.raises(UnknownName, match="fax"):
        clarion.lay_out("note", channel="fax")
    with pytest.raises(NotFound):
        clarion.lay_out("note", channel="email", event=uuid4())
    plain = emit(clarion, "plain", to=["bob"])
    with pytest.raises(InvalidInput, match="'plain'"):
        clarion.lay_out("note", channel="email", event=plain)
    with pytest.raises(InvalidInput, match="nobody"):
        clarion.lay_out("note", channel="email", recipient="nobody")
    with pytest.raises(InvalidInput, match="characters"):
        clarion.lay_out("note", channel="email", edited={SUBJECT: "x" * (EDIT_LIMIT + 1)})
    with pytest.raises(InvalidInput, match="no template"):
        clarion.lay_out("note", channel="email", edited={"../x/y.j2": "x"})


def test_other_tenants_stay_apart(clarion: Clarion) -> None:
    event = emit(clarion, "note", to=["bob"], tenant="other", data={"who": "x", "what": "y"})
    with pytest.raises(NotFound):
        clarion.lay_out("note", channel="email", event=event)
