"""What a mail server says, and what that means for a delivery: the only place where SMTP codes are judged."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from clarion.errors import Down, Gone, Reject, Retry, SendError

LINE_LIMIT = 4096
REPLY_LIMIT = 64 * 1024
RECEIPT_LIMIT = 200

_line = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_enhanced = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_control = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

# RFC 3463 and 7505: no such mailbox, no such host, bad syntax of it, moved, null MX, mailbox disabled. The
# neighbours 5.1.7 and 5.1.8 are about the sender; 5.1.0 and 5.1.4 do not say whom they mean.
_dead_address = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}
_dead_address_plain = {550, 551, 553, 556}
_wants_login = {530, 534, 535, 538}
_wants_login_enhanced = {"5.7.0", "5.7.8"}


class Stage(Enum):
    """Where in the conversation a reply belongs."""

    OPENING = "opening"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Reply(NamedTuple):
    """A code, and the words of each line."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """On one line, without anything a terminal or a log would obey."""
        return _control.sub(" ", " ".join(self.lines)).strip()

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463), where the server gives one of the reply's own class."""
        found = _enhanced.match(self.text)
        return found[0] if found and found[0][0] == str(self.code)[0] else None

    @property
    def good(self) -> bool:
        return 200 <= self.code < 300


class Garbage(Exception):
    """What the server said is no SMTP reply."""


def read(buffer: bytearray) -> Reply | None:
    """Takes the first whole reply out of `buffer`, if it is there; raises `Garbage`."""
    lines: list[str] = []
    code, at = b"", 0
    while True:
        end = buffer.find(b"\n", at)
        if end < 0:
            if len(buffer) - at > LINE_LIMIT or len(buffer) > REPLY_LIMIT:
                raise Garbage("a reply without end")
            return None
        found = _line.fullmatch(bytes(buffer[at:end]).removesuffix(b"\r"))
        if not found or (code and found[1] != code):
            raise Garbage(repr(bytes(buffer[at : min(end, at + 80)])))
        code, at = found[1], end + 1
        lines.append((found[3] or b"").decode(errors="replace"))
        if found[2] != b"-":
            del buffer[:at]
            return Reply(int(code), tuple(lines))


def refusal(reply: Reply, stage: Stage) -> SendError:
    """What a reply that does not let us go on means."""
    code, detail = f"smtp_{reply.code}", f"{reply.code} {reply.text}"
    match stage:
        case Stage.OPENING:
            return Down(code, detail)
        case Stage.TLS:
            return Down("tls", detail)
        case Stage.LOGIN:
            return Down("auth", detail)
        case Stage.DOT if reply.code < 400:
            return unknown(detail)
        case Stage.DOT:
            return Retry(code, detail) if reply.code < 500 else Reject(code, detail)
        case _:
            return _refused_envelope(reply, stage)


def _refused_envelope(reply: Reply, stage: Stage) -> SendError:
    """Before the server took any of the content."""
    code, detail = f"smtp_{reply.code}", f"{reply.code} {reply.text}"
    if reply.code == 421:
        return Down(code, detail)
    if reply.code < 400 or reply.code == 503:  # about the conversation, not about this message
        return Retry("protocol", detail)
    if reply.code < 500:
        return Retry(code, detail)
    if reply.code in _wants_login or (stage is Stage.MAIL and reply.enhanced in _wants_login_enhanced):
        return Down("auth", detail)
    if stage is Stage.RCPT and _is_dead(reply):
        return Gone(code, detail)
    return Reject(code, detail)


def _is_dead(reply: Reply) -> bool:
    return reply.enhanced in _dead_address if reply.enhanced else reply.code in _dead_address_plain


def unknown(detail: str) -> Retry:
    """The final dot has left, and no answer came that says whether the message was taken."""
    return Retry("unknown_outcome", detail)
