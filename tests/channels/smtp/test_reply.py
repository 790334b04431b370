"""What each SMTP code means; see the table in `clarion.channels.email`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.smtp.reply import LINE_LIMIT, Garbage, Reply, Stage, read, refusal
from clarion.errors import DETAIL_LIMIT, Down, Gone, Reject, Retry, SendError

ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)


def judged(code: int, text: str, stage: Stage) -> tuple[type[SendError], str]:
    error = refusal(Reply(code, (text,)), stage)
    return type(error), error.code


@pytest.mark.parametrize(
    ("stage", "line", "outcome"),
    [
        (Stage.OPENING, "554 5.7.1 not you", (Down, "smtp_554")),
        (Stage.OPENING, "421 too busy", (Down, "smtp_421")),
        (Stage.OPENING, "450 later", (Down, "smtp_450")),
        (Stage.TLS, "454 4.7.0 TLS not available", (Down, "tls")),
        (Stage.LOGIN, "535 5.7.8 wrong", (Down, "auth")),
        (Stage.LOGIN, "454 4.7.0 temporary failure", (Down, "auth")),
        (Stage.MAIL, "421 4.3.2 closing", (Down, "smtp_421")),
        (Stage.RCPT, "421 4.3.2 closing", (Down, "smtp_421")),
        (Stage.DATA, "421 4.3.2 closing", (Down, "smtp_421")),
        (Stage.DOT, "421 4.3.2 closing", (Retry, "smtp_421")),
        (Stage.MAIL, "451 4.3.0 later", (Retry, "smtp_451")),
        (Stage.RCPT, "450 4.2.0 greylisted", (Retry, "smtp_450")),
        (Stage.DATA, "452 4.3.1 full", (Retry, "smtp_452")),
        (Stage.DOT, "451 4.3.0 later", (Retry, "smtp_451")),
        (Stage.MAIL, "530 5.7.0 authenticate first", (Down, "auth")),
        (Stage.RCPT, "530 5.7.0 authenticate first", (Down, "auth")),
        (Stage.MAIL, "550 5.7.0 authentication required", (Down, "auth")),
        (Stage.MAIL, "550 5.1.8 sender's domain does not exist", (Reject, "smtp_550")),
        (Stage.MAIL, "550 no", (Reject, "smtp_550")),
        (Stage.MAIL, "552 5.3.4 too big", (Reject, "smtp_552")),
        (Stage.MAIL, "503 5.5.1 nested MAIL", (Retry, "protocol")),
        (Stage.RCPT, "550 5.1.1 no such user", (Gone, "smtp_550")),
        (Stage.RCPT, "550 5.1.2 no such host", (Gone, "smtp_550")),
        (Stage.RCPT, "553 5.1.3 bad syntax", (Gone, "smtp_553")),
        (Stage.RCPT, "551 5.1.6 moved", (Gone, "smtp_551")),
        (Stage.RCPT, "556 5.1.10 null MX", (Gone, "smtp_556")),
        (Stage.RCPT, "554 5.2.1 disabled", (Gone, "smtp_554")),
        (Stage.RCPT, "550 no such user", (Gone, "smtp_550")),
        (Stage.RCPT, "551 user not local", (Gone, "smtp_551")),
        (Stage.RCPT, "553 mailbox name not allowed", (Gone, "smtp_553")),
        (Stage.RCPT, "550 5.7.1 blocked", (Reject, "smtp_550")),
        (Stage.RCPT, "554 5.7.1 relay access denied", (Reject, "smtp_554")),
        (Stage.RCPT, "550 5.1.8 bad sender", (Reject, "smtp_550")),
        (Stage.RCPT, "550 5.1.0 address rejected", (Reject, "smtp_550")),
        (Stage.RCPT, "552 5.2.2 mailbox full", (Reject, "smtp_552")),
        (Stage.RCPT, "552 mailbox full", (Reject, "smtp_552")),
        (Stage.RCPT, "554 no", (Reject, "smtp_554")),
        (Stage.RCPT, "550 5.1.11 unheard of", (Reject, "smtp_550")),
        (Stage.RCPT, "550 4.1.1 of another class", (Gone, "smtp_550")),
        (Stage.RCPT, "354 go on", (Retry, "protocol")),
        (Stage.DATA, "554 5.5.1 no", (Reject, "smtp_554")),
        (Stage.DATA, "250 ok", (Retry, "protocol")),
        (Stage.DOT, "550 5.1.1 too late to say so", (Reject, "smtp_550")),
        (Stage.DOT, "552 5.3.4 too big", (Reject, "smtp_552")),
        (Stage.DOT, "354 go on", (Retry, "unknown_outcome")),
    ],
)
def test_the_table(stage: Stage, line: str, outcome: tuple[type[SendError], str]) -> None:
    assert judged(int(line[:3]), line[4:], stage) == outcome


@pytest.mark.parametrize("stage", ENVELOPE)
def test_every_code_has_an_outcome_that_never_forgives_a_refusal(stage: Stage) -> None:
    for code in range(200, 600):
        kind, name = judged(code, "x", stage)
        if code < 500:
            assert kind in {Retry, Down}
        assert name in {f"smtp_{code}", "auth", "protocol"}
        if kind is Gone:
            assert stage is Stage.RCPT


def test_a_detail_is_bounded_and_inert() -> None:
    error = refusal(Reply(550, ("5.7.1 \x1b[2J\r\n\x00" + "x" * 5000, "more")), Stage.RCPT)
    assert error.detail.startswith("550 5.7.1  [2J xxx")
    assert len(error.detail) <= DETAIL_LIMIT


@pytest.mark.parametrize(
    ("octets", "code", "lines"),
    [
        (b"250 ok\r\n", 250, ("ok",)),
        (b"250\r\n", 250, ("",)),
        (b"250 ok\n", 250, ("ok",)),
        (b"250-one\r\n250-two\r\n250 three\r\n", 250, ("one", "two", "three")),
        (b"250 Gr\xfc\xdfe\r\n", 250, ("Gr\ufffd\ufffde",)),
    ],
)
def test_replies_are_read(octets: bytes, code: int, lines: tuple[str, ...]) -> None:
    buffer = bytearray(octets + b"220 next\r\n")
    for end in range(len(octets)):
        assert read(bytearray(octets[:end])) is None
    assert read(buffer) == Reply(code, lines)
    assert buffer == b"220 next\r\n"


@pytest.mark.parametrize(
    "octets",
    [b"hello\r\n", b"\r\n", b"25 ok\r\n", b"2500 ok\r\n", b"100 ok\r\n", b"600 ok\r\n", b"250-a\r\n251 b\r\n", b"\x16\x03\x01\n", b"x" * (LINE_LIMIT + 1), b"250-x\r\n" * 20_000],
)  # fmt: skip
def test_garbage_is_found(octets: bytes) -> None:
    with pytest.raises(Garbage):
        read(bytearray(octets))


@given(st.binary(max_size=200))
def test_anything_is_a_reply_or_garbage_or_not_yet_whole(octets: bytes) -> None:
    buffer = bytearray(octets)
    try:
        found = read(buffer)
    except Garbage:
        return
    assert found is None or 200 <= found.code < 600
