from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clarion.event_type import EventType
from clarion.message import Content
from clarion.severity import Severity
from clarion.templates.said import ALIASES, REASONS

Write = Callable[..., Content]


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({}, "Comment created: cl/42"),
        ({"subject": None}, "Comment created"),
        ({"data": {"title": "Bob: \n fix\x07 it"}}, "Bob: fix it"),
        ({"data": {"title": "  \u202e "}}, "Comment created: cl/42"),
        ({"data": {"title": None}}, "Comment created: cl/42"),
        ({"data": {"title": ["x"]}}, "Comment created: cl/42"),
        ({"data": {"title": True}}, "Comment created: cl/42"),
        ({"data": {"title": 0}}, "0"),
        ({"data": {"subject_name": "Fix the build"}}, "Comment created: Fix the build"),
        ({"data": {"subject_name": ""}}, "Comment created: Untitled"),
        ({"data": {"subject_name": None}, "subject": None}, "Comment created: Untitled"),
        ({"data": {"title": "{app} %s {0.__class__}"}}, "{app} %s {0.__class__}"),
        ({"subject": "{what}"}, "Comment created: {what}"),
    ],
)
def test_titles(write: Write, fields: dict[str, Any], title: str) -> None:
    for channel in ("email", "inbox", "push"):
        assert write(channel=channel, **fields).title == title


@pytest.mark.parametrize(
    ("type", "title"),
    [
        (EventType(code="cl.merged"), "Cl merged: cl/42"),
        (EventType(code="cl.merged", description="A change was merged."), "A change was merged: cl/42"),
        (EventType(code="cl.merged", description=" \n"), "cl.merged: cl/42"),
    ],
)
def test_a_type_without_title_is_called_by_its_description_or_code(
    write: Write, type: EventType, title: str
) -> None:
    assert write(type=type).title == title


def test_a_title_is_bounded(write: Write) -> None:
    title = write(data={"title": "word " * 1000}).title
    assert len(title) <= 200
    assert title.endswith("word…")


def test_other_channels_get_title_and_text_only(write: Write) -> None:
    content = write(channel="inbox", data={"text": "Looks good\r\n\r\n\r\n\r\n<b>"})
    assert content == Content(title="Comment created: cl/42", text="Looks good\n\n<b>", html=None)
    assert write(channel="console").text == "Comment created: cl/42"


def test_a_long_text_is_cut_and_says_how_much_is_missing(write: Write) -> None:
    content = write(channel="inbox", data={"text": "x" * 200_000}, locale="de")
    assert content.text == "x" * 1999 + "…\n\n(198.001 weitere Zeichen)"
    mail = write(data={"text": "x" * 200_000})
    assert "198,001 more characters" in mail.text
    assert "https://acme.test/cl/42#c7" in mail.text
    assert mail.html is not None
    assert len(mail.html) < 20_000


def test_names_of_who_and_what_no_longer_exist(write: Write) -> None:
    text = write(data={"actor_name": "", "subject_name": None}).text
    assert "By: Someone\nAbout: Untitled\n" in text
    assert "By: Alice A.\nAbout: cl/42\n" in write(data={"actor_name": "Alice A."}).text
    nobody = write(actor=None, subject=None).text
    assert "By:" not in nobody
    assert "About:" not in nobody


@pytest.mark.parametrize("reason", [*REASONS, *ALIASES])
def test_known_reasons_are_sentences(write: Write, reason: str) -> None:
    assert REASONS[ALIASES.get(reason, reason)] in write(reason=reason).text


def test_an_unknown_reason_is_named(write: Write) -> None:
    assert "You got this because of: billing {x}" in write(reason="billing {x}").text
    assert "aus diesem Grund: billing" in write(reason="billing", locale="de").text


def test_a_mail_in_plain_text(write: Write) -> None:
    content = write(
        locale="de-AT",
        severity=Severity.ACTION,
        reason="reviewer",
        data={"title": "Bitte prüfen", "text": "wort " * 20, "button": "Zur Änderung"},
    )
    assert content.text == "\n".join(
        [
            "Handlung erforderlich: Bitte prüfen",
            "",
            ("wort " * 14).strip(),
            ("wort " * 6).strip(),
            "",
            "Von: alice",
            "Betrifft: cl/42",
            "",
            "Zur Änderung:",
            "https://acme.test/cl/42#c7",
            "",
            "--",
            "Sie erhalten diese Nachricht, weil Sie dies prüfen.",
            "Gesendet von Clarion",
        ]
    )
