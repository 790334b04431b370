"""S1: headers are exactly the intended ones, whatever the words. S2: the body arrives equal, as one message."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarion.channels import addresses
from clarion.channels.mail import NAME_LIMIT, SUBJECT_LIMIT, Sender, body_text, compose, header_text
from clarion.errors import ConfigError, InvalidInput
from clarion.message import Content

ID = UUID("018f3c5e-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACME = Sender.of("Acme <hello@acme.test>")
BOB = addresses.parse("bob@b.test")
TRICK = "=?utf-8?q?a=0D=0ABcc:_x=40y?="

HEADERS = ["From", "Subject", "Auto-Submitted", "To", "Message-ID", "Date", "MIME-Version", "Content-Type"]

nasty = st.one_of(
    st.text(st.characters(), max_size=120),  # surrogates included
    st.lists(
        st.sampled_from(
            ["\r", "\n", "\r\n", "\x00", "\x85", "\u2028", "\ud800", ".", "..", "=?", "?=", TRICK, ":", " ", "\t", "=", "Bcc: x", "é", "日本", "From ", "--=_"]
        ),
        max_size=40,
    ).map("".join),
)  # fmt: skip


def built(
    title: str = "Hello", text: str = "Hi\n", html: str | None = None, *, name: str | None = None
) -> bytes:
    return compose(Content(title=title, text=text, html=html), ACME).complete(BOB, name, ID, NOON)


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=policy.default)


def content(part: MIMEPart) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def on_the_wire_is_sound(raw: bytes) -> bool:
    return (
        raw.isascii()
        and not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
        and max(map(len, raw.split(b"\r\n"))) <= 76
        and raw.endswith(b"\r\n")
    )


def test_a_whole_mail() -> None:
    sender = Sender.of("Acme <hello@acme.test>", "help@acme.test")
    mail = compose(Content(title="Grüße", text="Hallo\n", html="<p>Hallo</p>"), sender, "cl/42")
    parsed = read(mail.complete(BOB, "Bob Ö", ID, NOON))
    root = parsed["References"]
    assert re.fullmatch(r"<[0-9a-f]{32}@acme\.test>", root)
    assert {name: str(value) for name, value in parsed.items() if name != "Content-Type"} == {
        "From": "Acme <hello@acme.test>",
        "Subject": "Grüße",
        "Reply-To": "help@acme.test",
        "In-Reply-To": root,
        "References": root,
        "Auto-Submitted": "auto-generated",
        "To": "Bob Ö <bob@b.test>",
        "Message-ID": f"<{ID}@acme.test>",
        "Date": "Fri, 20 Nov 2026 12:00:00 +0000",
        "MIME-Version": "1.0",
    }
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert [content(part) for part in parsed.iter_parts()] == ["Hallo\n", "<p>Hallo</p>\n"]


def test_a_mail_without_html_is_plain_text() -> None:
    assert read(built()).get_content_type() == "text/plain"


def test_the_same_at_each_attempt_but_for_its_date() -> None:
    words = Content(title="a", text="b")
    later = datetime(2026, 11, 21, tzinfo=UTC)
    first, second = (compose(words, ACME, "t").complete(BOB, None, ID, when) for when in (NOON, later))
    assert first.replace(b"Fri, 20 Nov 2026 12:00:00", b"Sat, 21 Nov 2026 00:00:00") == second


def test_threads_are_told_apart() -> None:
    words = Content(title="a", text="b")
    roots = {
        read(compose(words, ACME, thread).complete(BOB, None, ID, NOON))["References"]
        for thread in ("a", "b", None)
    }
    assert len(roots) == 3


@given(nasty, nasty, st.none() | nasty, st.none() | nasty)
@example(TRICK, TRICK, None, TRICK)
@example("a\r\nBcc: x@y.test", "\r\n.\r\nMAIL FROM:<x@y.test>\r\n", "\n.\n", "b\nBcc: x@y.test")
def test_headers_are_the_intended_ones(title: str, text: str, html: str | None, name: str | None) -> None:
    raw = built(title, text, html, name=name)
    assert on_the_wire_is_sound(raw)
    expected = HEADERS if html is not None else [*HEADERS, "Content-Transfer-Encoding"]
    for reading in (policy.default, policy.compat32, policy.SMTP):
        assert email.message_from_bytes(raw, policy=reading).keys() == expected
    parsed = read(raw)
    assert parsed["Subject"] == header_text(title, SUBJECT_LIMIT)
    assert [one.addr_spec for one in parsed["To"].addresses] == ["bob@b.test"]
    to = str(make_header(decode_header(email.message_from_bytes(raw, policy=policy.compat32)["To"])))
    shown = header_text(name or "", NAME_LIMIT)
    assert to == (f"{shown} <bob@b.test>" if shown else "bob@b.test")
    assert not parsed.defects
    assert not any(value.defects for value in parsed.values())


@given(nasty, nasty)
@example("\r\n.\r\n", "\n.\n")
@example("\r.\r", ".\r\n..\r\n.")
@example("x" * 5000, "é" * 5000)
def test_the_body_arrives_equal(text: str, html: str) -> None:
    parts = list(read(built(text=text, html=html)).iter_parts())
    assert [content(part) for part in parts] == [body_text(text), body_text(html)]
    assert content(read(built(text=text))) == body_text(text)


def test_an_encoded_word_arrives_as_it_was_written() -> None:
    parsed = read(built(TRICK))
    assert parsed["Subject"] == TRICK
    assert parsed["Bcc"] is None
    assert b"0D=0A" not in built(TRICK)


def test_a_subject_is_bounded() -> None:
    subject = read(built("word " * 1_000_000))["Subject"]
    assert len(subject) <= SUBJECT_LIMIT
    assert subject.endswith("word…")


@pytest.mark.parametrize(
    ("text", "encoding"), [("plain = text\n" * 20, "quoted-printable"), ("日本語\n" * 20, "base64")]
)
def test_the_shorter_encoding_is_taken(text: str, encoding: str) -> None:
    assert read(built(text=text))["Content-Transfer-Encoding"] == encoding


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("hello@acme.test", None, "hello@acme.test"),
        ("Acme <hello@acme.test>", "Acme", "hello@acme.test"),
        ('"Acme, Inc." <hello@acme.test>', "Acme, Inc.", "hello@acme.test"),
        ("Bücher <hello@bücher.test>", "Bücher", "hello@xn--bcher-kva.test"),
        ("<hello@acme.test>", None, "hello@acme.test"),
    ],
)
def test_senders(written: str, name: str | None, address: str) -> None:
    sender = Sender.of(written)
    assert (sender.name, str(sender.mailbox)) == (name, address)
    parsed = read(compose(Content(title="a", text="b"), sender).complete(BOB, None, ID, NOON))["From"]
    assert [(one.display_name, one.addr_spec) for one in parsed.addresses] == [(name or "", address)]


@pytest.mark.parametrize(
    "written",
    ["", "Acme", "Acme <>", "Acme <a@b.test>, Eve <e@e.test>", "A\r\nBcc: x <a@b.test>", "jörg@acme.test", "x" * 99 + " <a@b.test>"],
)  # fmt: skip
def test_senders_refused(written: str) -> None:
    with pytest.raises(ConfigError):
        Sender.of(written)


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises((InvalidInput, AttributeError, TypeError)):
        compose(Content(title="a", text="b"), ACME).complete(BOB, None, "x>\r\nBcc: y", NOON)  # type: ignore[arg-type]
