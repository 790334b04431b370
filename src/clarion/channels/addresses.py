"""Mail addresses: a strict table of what is accepted, and never a changed recipient.

The local part is used exactly as written; the domain is compared without case and travels as A-labels (IDNA).
Refused: quoted local parts, domain literals, display names, lists, source routes. `.test`, `.local` and
`localhost` are accepted, for development and closed networks; `.invalid`, `.onion` and `.arpa` never take mail.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from clarion.errors import InvalidInput
from clarion.recipient import Address

LOCAL_LIMIT = 64  # octets, RFC 5321 §4.5.3.1.1
ADDRESS_LIMIT = 254  # octets, RFC 3696 erratum 1690

_closed_network = re.compile(r"(?:[^@]\.|^)(?:localhost|local|test)\Z", re.IGNORECASE)
# email-validator refuses these by a list that is global to the process and therefore the host's. Below a public
# name it judges the same labels by syntax alone.
_PUBLIC = ".example.com"

# What no mailbox may hold, however it was made: it is written into headers and commands as it is.
_unsafe = re.compile('[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff<>()\\[\\]",:;@\\\\]')
_ascii_domain = re.compile(r"[a-z0-9.-]+")

# Legal, but read by some relay as a route (RFC 5321 appendix C) or by some reader as an encoded word.
_rerouted = re.compile(r"[%!]|=\?")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A checked address. `domain` is ASCII; `local` may be international, which needs SMTPUTF8."""

    local: str
    domain: str

    def __post_init__(self) -> None:
        if not self.local or _unsafe.search(self.local) or not _ascii_domain.fullmatch(self.domain):
            raise _refused(str(self), "it has characters that cannot stand in a header or a command")

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def international(self) -> bool:
        return not self.local.isascii()


@lru_cache(maxsize=4096)
def parse(value: str) -> Mailbox:
    """The mailbox that `value` names; raises `InvalidInput`."""
    if len(value) > ADDRESS_LIMIT:
        raise _refused(value, f"it is longer than {ADDRESS_LIMIT} characters")
    local, _, domain = value.rpartition("@")
    below = _PUBLIC if _closed_network.search(domain) else ""
    try:
        found = validate_email(
            value + below,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            strict=True,
            check_deliverability=False,
            test_environment=False,
            globally_deliverable=True,
        )
    except EmailNotValidError as error:
        raise _refused(value, str(error)) from None
    ascii_domain = found.ascii_domain.removesuffix(below)
    if domain.lower() not in {ascii_domain, found.domain.removesuffix(below)}:
        raise _refused(value, f"its domain would be changed; write {ascii_domain!r} if that is what is meant")
    if unicodedata.normalize("NFC", local) != local:
        raise _refused(value, "its local part is not in Unicode normal form C")
    if _rerouted.search(local):
        raise _refused(value, "'%', '!' and '=?' before the @ are read as something else by some servers")
    mailbox = Mailbox(local, ascii_domain)
    if len(local.encode()) > LOCAL_LIMIT or len(str(mailbox).encode()) > ADDRESS_LIMIT:
        raise _refused(
            value, f"it is longer than {LOCAL_LIMIT} octets before the @, or {ADDRESS_LIMIT} in all"
        )
    return mailbox


def check(address: Address) -> None:
    """Raises `InvalidInput` for one on the channel `email` that is no mail address."""
    if address.channel == "email":
        parse(address.value)


def _refused(value: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"mail address {value[:80]!r} is not accepted: {why}; write one such as bob@acme.test"
    )
