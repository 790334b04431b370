from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clarion import event as events
from clarion.message import Content
from clarion.recipient import Recipient
from clarion.severity import Severity
from clarion.templates import Renderer
from clarion.templates.renderer import KEPT_CONTENTS
from tests.templates.conftest import COMMENT

Directory = Callable[[dict[str, str]], Path]
ASKED = {"channel": "email", "reason": "mention", "locale": "en", "severity": Severity.INFO}


def test_equal_questions_get_the_same_object() -> None:
    renderer = Renderer()
    event = events.make(COMMENT.code, {"actor": "alice"})

    def ask(**other: object) -> Content:
        return renderer.render(event, COMMENT, **{**ASKED, **other})  # type: ignore[arg-type]

    first = ask()
    assert ask() is first
    assert ask(recipient=Recipient(id="bob", name="Bob")) is first
    assert ask(locale="EN") is ask(locale="nonsense!") is first
    for other in (
        {"channel": "inbox"},
        {"reason": "author"},
        {"locale": "de"},
        {"severity": Severity.URGENT},
    ):
        assert ask(**other) is not first
    again = replace(event, id=events.make(COMMENT.code, {}).id)
    assert renderer.render(again, COMMENT, **ASKED) is not first  # type: ignore[arg-type]


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    renderer = Renderer()
    kept, *others = (events.make(COMMENT.code, {}) for _ in range(KEPT_CONTENTS + 10))

    def ask(event: events.Event) -> Content:
        return renderer.render(
            event, COMMENT, channel="push", reason="direct", locale="en", severity=Severity.INFO
        )

    first, second = ask(kept), ask(others[0])
    for event in others[1:]:
        ask(event)
        ask(kept)
    assert ask(kept) is first
    assert ask(others[0]) is not second
    assert len(renderer._kept) == KEPT_CONTENTS


def test_threads_agree_on_one_object() -> None:
    renderer = Renderer()
    event = events.make(COMMENT.code, {"data": {"text": "x " * 900}})
    found: list[Content] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(renderer.render(event, COMMENT, **ASKED))  # type: ignore[arg-type]

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(content) for content in found}) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"cl.comment.created/any.subject.j2": "Hello {{ recipient.name }}"},
        {
            "cl.comment.created/any.subject.j2": "{% include '_parts/hello.j2' %}",
            "_parts/hello.j2": "Hello {{ recipient.name }}",
        },
        {
            "cl.comment.created/any.subject.j2": "{% extends '_parts/base.j2' %}{% block name %}{{ recipient.name }}{% endblock %}",
            "_parts/base.j2": "Hello {% block name %}{% endblock %}",
        },
    ],
)
def test_a_template_that_reads_the_recipient_is_written_for_each(
    directory: Directory, files: dict[str, str]
) -> None:
    renderer = Renderer(directory=directory(files))
    event = events.make(COMMENT.code, {})
    for name in ("Bob", "Eve", "Bob"):
        content = renderer.render(event, COMMENT, recipient=Recipient(id=name, name=name), **ASKED)  # type: ignore[arg-type]
        assert content.title == f"Hello {name}"
        assert f"Hello {name}</h1>" in (content.html or "")
    assert not renderer._kept


def test_a_personal_template_of_one_part_leaves_other_types_shared(directory: Directory) -> None:
    renderer = Renderer(directory=directory({"other/any.subject.j2": "{{ recipient.id }}"}))
    event = events.make(COMMENT.code, {})
    assert renderer.render(event, COMMENT, **ASKED) is renderer.render(event, COMMENT, **ASKED)  # type: ignore[arg-type]
