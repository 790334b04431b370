"""Building mail: composed once per content and sender, then completed for each recipient by joining bytes.

Nothing from outside is trusted with a header: text is neutralised, anything but plain words travels as RFC 2047
encoded words made here, and each composed head is read back and must hold exactly the headers that were meant.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MultipartInvariantViolationDefect
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.policy import compat32
from email.utils import format_datetime
from functools import lru_cache
from uuid import UUID

from clarion.channels import addresses
from clarion.channels.addresses import Mailbox
from clarion.errors import ConfigError, InvalidInput
from clarion.message import Content

SUBJECT_LIMIT = 200
NAME_LIMIT = 64
LINE_LIMIT = 998  # RFC 5322 §2.1.1

_WORD_BYTES = 39  # of UTF-8 in one encoded word, so that "Subject: " and the first one fit a line of 76
_UNPRINTABLE = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_gap = re.compile(f"[ {_UNPRINTABLE}]+")
_in_body = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_surrogate = re.compile("[\ud800-\udfff]")
_plain_subject = re.compile(r"(?!.*=\?)[\x21-\x7e](?:[\x20-\x7e]{0,63}[\x21-\x7e])?")
_plain_name = re.compile(r"[A-Za-z0-9'_-]+(?: [A-Za-z0-9'_-]+)*")
_sender = re.compile(r'\s*"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>\s]+)>\s*')
_bare_newline = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who every mail of a channel is from."""

    mailbox: Mailbox
    name: str | None = None
    reply_to: Mailbox | None = None

    @classmethod
    def of(cls, text: str, reply_to: str | None = None) -> Sender:
        """From `hello@acme.test` or `Acme <hello@acme.test>`; raises `ConfigError`."""
        named = _sender.fullmatch(text)
        name = named["name"] if named else ""
        if name != header_text(name, NAME_LIMIT):
            raise ConfigError(
                f"sender {text[:80]!r}: the name has control characters or more than {NAME_LIMIT} characters"
            )
        return cls(
            mailbox=_configured("sender", named["address"] if named else text),
            name=name or None,
            reply_to=None if reply_to is None else _configured("reply_to", reply_to),
        )


@dataclass(frozen=True, slots=True)
class Mail:
    """A composed mail, but for To, Message-ID and Date, which `complete` puts between its three parts."""

    start: bytes
    domain: bytes
    end: bytes

    def complete(self, to: Mailbox, name: str | None, id: UUID, date: datetime) -> bytes:
        """The message as RFC 5322 bytes. `id` makes the Message-ID: equal at every attempt.

        What is put in here comes after the reading back, so it is safe by its type: a `Mailbox` holds nothing that
        a header could be made of, a UUID and an instant are written by their own rules, `name` by `encode`.
        """
        return b"".join(
            (
                self.start,
                _mailbox(to, header_text(name, NAME_LIMIT) if name else None).encode(),
                b"\r\nMessage-ID: <",
                UUID.__str__(id).encode(),  # a text in its place raises
                self.domain,
                _date(int(date.timestamp())),
                self.end,
            )
        )


@lru_cache(maxsize=64)
def compose(content: Content, sender: Sender, thread: str | None = None) -> Mail:
    """The mail of these words. Mails of one `thread` (any text) are shown together; raises `InvalidInput`."""
    subject = header_text(content.title, SUBJECT_LIMIT)
    head = [("From", _mailbox(sender.mailbox, sender.name)), ("Subject", encode(subject, _plain_subject))]
    if sender.reply_to:
        head.append(("Reply-To", str(sender.reply_to)))
    if thread is not None:
        root = f"<{_hash(thread)}@{sender.mailbox.domain}>"
        head += [("In-Reply-To", root), ("References", root)]
    head.append(("Auto-Submitted", "auto-generated"))
    type_headers, body = _body(content)
    tail = [("MIME-Version", "1.0"), *type_headers]
    mail = Mail(
        start=_lines([*head, ("To", "")])[:-2],
        domain=f"@{sender.mailbox.domain}>\r\nDate: ".encode(),
        end=b"\r\n" + _lines(tail) + b"\r\n" + body,
    )
    _verify(mail, [*head, *tail], subject)
    return mail


def header_text(text: str, limit: int) -> str:
    """`text` on one line: controls and line separators become a space, surrogates U+FFFD; cut at `limit`."""
    line = _gap.sub(" ", _surrogate.sub("\ufffd", text[: limit * 4])).strip(" ")
    return line if len(line) <= limit else line[: limit - 1].rstrip(" ") + "…"


def body_text(text: str) -> str:
    """`text` with \\n between lines and at its end; controls but tab, and surrogates, become U+FFFD."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _in_body.sub("\ufffd", lines).removesuffix("\n") + "\n"


def encode(text: str, plain: re.Pattern[str]) -> str:
    """`text` itself where it is `plain`, else as encoded words (RFC 2047), one a line."""
    if not text or plain.fullmatch(text):
        return text
    words, word = [], b""
    for character in text:
        octets = character.encode()
        if len(word) + len(octets) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += octets
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(each, newline=False).decode()}?=" for each in words)


def _configured(option: str, value: str) -> Mailbox:
    try:
        mailbox = addresses.parse(value)
    except InvalidInput as error:
        raise ConfigError(f"{option}: {error}") from None
    if mailbox.international:
        raise ConfigError(f"{option} {value!r}: the part before the @ must be ASCII, or few servers take it")
    return mailbox


def _mailbox(mailbox: Mailbox, name: str | None) -> str:
    if not name:
        return str(mailbox)
    words, address = encode(name, _plain_name), f"<{mailbox}>"
    return words + (" " if len(words) + len(address) < 60 else "\r\n ") + address


@lru_cache(maxsize=4)
def _date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).hexdigest()


def _lines(headers: list[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


def _body(content: Content) -> tuple[list[tuple[str, str]], bytes]:
    """The headers that describe the body, and the body."""
    text_headers, text = _part("plain", content.text)
    if content.html is None:
        return text_headers, text
    html_headers, html = _part("html", content.html)
    # "=_" stands in no quoted-printable or base64 line, so the boundary cannot occur in a part (RFC 2045 §6.7).
    boundary = f"=_{_hash(content.text, content.html)}"
    body = b"\r\n".join(  # the CRLF before a delimiter belongs to the delimiter
        (
            f"--{boundary}".encode(),
            _lines(text_headers),
            text,
            f"--{boundary}".encode(),
            _lines(html_headers),
            html,
            f"--{boundary}--\r\n".encode(),
        )
    )
    return [("Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"')], body


def _part(subtype: str, text: str) -> tuple[list[tuple[str, str]], bytes]:
    """Quoted-printable or base64, whichever is shorter: lines of at most 76 octets in ASCII, ended by CRLF."""
    octets = body_text(text).replace("\n", "\r\n").encode()
    quoted = binascii.b2a_qp(octets, istext=True)
    if len(quoted) <= len(octets) * 4 // 3:
        encoding, encoded = "quoted-printable", quoted
    else:
        whole = binascii.b2a_base64(octets, newline=False)
        encoded = b"".join(whole[at : at + 76] + b"\r\n" for at in range(0, len(whole), 76))
        encoding = "base64"
    return [
        ("Content-Type", f"text/{subtype}; charset=utf-8"),
        ("Content-Transfer-Encoding", encoding),
    ], encoded


def _verify(mail: Mail, intended: list[tuple[str, str]], subject: str) -> None:
    """Reads the head back as a receiver would; what is not exactly as intended is never sent."""
    probe = mail.start + b"to@probe.test\r\nMessage-ID: <probe" + mail.domain + b"now" + mail.end
    head, _, _ = probe.partition(b"\r\n\r\n")
    parsed = BytesParser(policy=compat32).parsebytes(head + b"\r\n\r\n", headersonly=True)
    probes = [("To", "to@probe.test"), ("Message-ID", f"<probe{mail.domain[:-8].decode()}"), ("Date", "now")]
    # Before Python 3.11.4 a head alone counts as a multipart without its parts: that is no fault of the head.
    defects = [d for d in parsed.defects if not isinstance(d, MultipartInvariantViolationDefect)]
    if sorted(parsed.items()) != sorted([*intended, *probes]) or defects:
        raise InvalidInput(f"subject {subject[:80]!r} would have changed the headers of a mail")
    if str(make_header(decode_header(parsed["Subject"]))) != subject:
        raise InvalidInput(f"subject {subject[:80]!r} would have arrived as another")
    if not probe.isascii() or _bare_newline.search(probe) or max(map(len, probe.split(b"\r\n"))) > LINE_LIMIT:
        raise InvalidInput(f"the mail {subject[:80]!r} would have held a bare newline or an over-long line")
