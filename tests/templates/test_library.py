from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clarion.errors import ConfigError, InvalidInput
from clarion.event_type import EventType
from clarion.message import Content
from clarion.templates import Renderer

Write = Callable[..., Content]
Directory = Callable[[dict[str, str]], Path]
TYPE = "cl.comment.created"

# From the closest to the last, for a French-Canadian mail.
ORDER = [
    f"{TYPE}/email.fr-CA.subject.j2",
    f"{TYPE}/email.fr.subject.j2",
    f"{TYPE}/email.subject.j2",
    f"{TYPE}/any.fr_CA.subject.j2",
    f"{TYPE}/any.fr.subject.j2",
    f"{TYPE}/any.subject.j2",
    "_default/email.fr_CA.subject.j2",
    "_default/email.fr.subject.j2",
    "_default/email.subject.j2",
    "_default/any.fr_CA.subject.j2",
    "_default/any.fr.subject.j2",
    "_default/any.subject.j2",
]


@pytest.mark.parametrize("missing", range(len(ORDER) + 1))
def test_the_closest_template_is_taken(write: Write, directory: Directory, missing: int) -> None:
    renderer = Renderer(directory=directory({name: name for name in ORDER[missing:]}))
    title = write(renderer, locale="fr_CA").title
    assert title == (ORDER[missing] if missing < len(ORDER) else "Comment created\u00a0: cl/42")


def test_templates_of_others_are_not_taken(write: Write, directory: Directory) -> None:
    files = [f"{TYPE}/push.subject.j2", f"{TYPE}/email.de.subject.j2", "cl.merged/email.subject.j2"]
    assert (
        write(Renderer(directory=directory({name: name for name in files}))).title == "Comment created: cl/42"
    )


def test_the_frame_of_the_mail_takes_title_and_text(write: Write, directory: Directory) -> None:
    root = directory(
        {
            f"{TYPE}/any.subject.j2": "\n {{ actor }} said\n{{ data.word }} & more\n",
            f"{TYPE}/any.text.j2": "<{{ data.word }}>\n\n{{ _('Open') }} {{ number(1234) }}\n",
        }
    )
    content = write(Renderer(directory=root), locale="de", data={"word": "<hi>"})
    assert content.title == "alice said <hi> & more"
    assert "\n\n<<hi>>\n\nÖffnen 1.234\n\n" in content.text
    assert "alice said &lt;hi&gt; &amp; more</h1>" in (content.html or "")
    assert "&lt;&lt;hi&gt;&gt;</p>" in (content.html or "")
    assert write(Renderer(directory=root), channel="push", data={"word": "x"}).text == "<x>\n\nOpen 1,234"


def test_the_built_in_mail_can_be_extended(write: Write, directory: Directory) -> None:
    root = directory(
        {
            "_default/email.html.j2": "{% extends 'clarion/email.html.j2' %}{% block brand %}<b>{{ data.x }}</b>{% endblock %}",
            "_default/email.plain.j2": "{% extends 'clarion/email.plain.j2' %}{% block footer %}Bye, {{ data.x }}{% endblock %}",
            "_default/slack.html.j2": "<i>{{ title }}</i>",
        }
    )
    content = write(Renderer(directory=root), data={"x": "<x>"})
    assert "<b>&lt;x&gt;</b>" in (content.html or "")
    assert "Sent by Clarion" in (content.html or "")
    assert content.text.endswith("\n\nBye, <x>")
    assert write(Renderer(directory=root), channel="slack", data={"title": "<t>"}).html == "<i>&lt;t&gt;</i>"


def test_an_empty_title_falls_back(write: Write, directory: Directory) -> None:
    root = directory({f"{TYPE}/any.subject.j2": "{{ data.get('nothing', '') }}"})
    assert write(Renderer(directory=root)).title == "Comment created: cl/42"


def test_an_application_translates_its_descriptions_and_reasons(write: Write, directory: Directory) -> None:
    words = '\nmsgid "Comment created"\nmsgstr "Neuer Kommentar"\n\nmsgid "You got this because of: billing"\nmsgstr "Sie zahlen."\n'
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    content = write(
        Renderer(directory=directory({"locale/de.po": head + words})), locale="de", reason="billing"
    )
    assert content.title == "Neuer Kommentar: cl/42"
    assert "--\nSie zahlen.\n" in content.text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("one\n{{ data.document.name }}", "line 2 cannot .* 'cl.comment.created': .*no attribute 'document'"),
        ("{{ nothing }}", "cannot .*: 'nothing' is undefined"),
        ("{{ recipient.name }}", "'recipient' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ data.pop('x') }}", "cannot .*pop"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ _('{name}', other=1) }}", "name"),
    ],
)
def test_what_fails_names_template_line_and_type(
    write: Write, directory: Directory, source: str, said: str
) -> None:
    renderer = Renderer(directory=directory({f"{TYPE}/any.subject.j2": source}))
    with pytest.raises(InvalidInput, match=f"template {TYPE}/any.subject.j2, (?s:.*){said}"):
        write(renderer)


def test_a_failure_in_an_included_part_names_its_line(write: Write, directory: Directory) -> None:
    root = directory(
        {f"{TYPE}/any.text.j2": "{% include '_parts/a.j2' %}", "_parts/a.j2": "\n\n{{ nothing }}"}
    )
    with pytest.raises(InvalidInput, match=r"any\.text\.j2, line 3 of _parts/a\.j2 cannot be written"):
        write(Renderer(directory=root))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"t/any.text.j2": "a\n{% if %}"}, r"t/any.text.j2, line 2: Expected an expression"),
        ({"t/any.text.j2": "{{ x | nofilter }}"}, "line 1: No filter named 'nofilter'"),
        ({"_parts/a.j2": "{% endif %}"}, "_parts/a.j2, line 1"),
        ({"t/email.html": "x"}, r"email\.html: name templates <channel>\.<part>\.j2"),
        ({"t/email.body.j2": "x"}, "<part> one of subject, text, html, plain"),
        ({"t/email.klingon.text.j2": "x"}, "'klingon' is no locale"),
        (
            {"t/any.text.j2": "{% include 'gone.j2' %}"},
            "t/any.text.j2 is built from 'gone.j2', which does not exist",
        ),
        ({"t/any.text.j2": "{% include data.x %}"}, "by plain text"),
        (
            {"t/any.html.j2": "{% include 't/any.text.j2' %}", "t/any.text.j2": "x"},
            r"only \*.html.j2 is escaped",
        ),
        (
            {"t/any.html.j2": "{{ recipient }}{% include 't/any.text.j2' %}", "t/any.text.j2": "x"},
            r"only \*.html.j2 is escaped",
        ),
        ({"clarion/any.text.j2": "x"}, "taken by the built-in templates"),
    ],
)
def test_bad_templates_are_refused_when_loaded(
    directory: Directory, files: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Renderer(directory=directory(files))


def test_a_template_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "any.text.j2").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=re.escape("template t/any.text.j2 is not UTF-8")):
        Renderer(directory=tmp_path)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        Renderer(directory=tmp_path / "nowhere")


def test_what_is_hidden_or_beside_is_left_alone(directory: Directory) -> None:
    Renderer(directory=directory({"README.md": "{% if", ".git/x.j2": "{% if", "t/.any.text.j2.swp": "{% if"}))


def test_templates_that_nobody_can_use_are_reported(directory: Directory) -> None:
    root = directory(
        {
            "cl.coment.created/any.text.j2": "x",
            "cl.coment.created/any.subject.j2": "x",
            "cl.merged/emial.text.j2": "x",
            "_default/email.html.j2": "x",
            "_parts/x.j2": "x",
        }
    )
    types = [EventType(code=TYPE), EventType(code="cl.merged")]
    renderer = Renderer(directory=root)
    assert renderer.check(types) == [
        "templates for unknown event type 'cl.coment.created'; did you mean 'cl.comment.created'?"
    ]
    assert renderer.check(types, ["email", "inbox"])[1:] == [
        "template cl.merged/emial.text.j2 is for unknown channel 'emial'; did you mean 'email'?"
    ]
    assert Renderer().check([], []) == []
