"""S3: the strict table, and never a changed recipient."""

from __future__ import annotations

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.addresses import Mailbox, parse
from clarion.errors import InvalidInput


@pytest.mark.parametrize(
    ("written", "local", "domain"),
    [
        ("bob@acme.com", "bob", "acme.com"),
        ("Bob.Smith+tag@Acme.COM", "Bob.Smith+tag", "acme.com"),
        ("INFO@acme.com", "INFO", "acme.com"),  # email-validator would write "info"
        ("Postmaster@acme.com", "Postmaster", "acme.com"),
        ("o'hara@acme.com", "o'hara", "acme.com"),
        ("bob@b.test", "bob", "b.test"),
        ("bob@localhost", "bob", "localhost"),
        ("bob@printer.local", "bob", "printer.local"),
        ("bob@TEST", "bob", "test"),
        ("bob@example.com", "bob", "example.com"),
        ("jörg@acme.com", "jörg", "acme.com"),
        ("bob@bücher.de", "bob", "xn--bcher-kva.de"),
        ("bob@Bücher.de", "bob", "xn--bcher-kva.de"),
        ("bob@xn--bcher-kva.de", "bob", "xn--bcher-kva.de"),
        ("bob@faß.de", "bob", "xn--fa-hia.de"),
        ("bob@bücher.test", "bob", "xn--bcher-kva.test"),
        ("l" * 64 + "@acme.com", "l" * 64, "acme.com"),
    ],
)
def test_accepted_as_written(written: str, local: str, domain: str) -> None:
    assert parse(written) == Mailbox(local, domain)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "bob",
        "@acme.com",
        "bob@",
        "a@b.com,c@d.com",
        "a@b,c@d",
        "a@b@c.com",
        "bob@acme.com\n",
        "bob@acme.com\r\nRCPT TO:<eve@e.test>",
        " bob@acme.com",
        "bob @acme.com",
        "<bob@acme.com>",
        "Bob <bob@acme.com>",
        "bob@acme.com (Bob)",
        '"bob"@acme.com',
        '"bob smith"@acme.com',
        '"a@evil.test"@acme.com',
        "bob@[127.0.0.1]",
        "bob@[IPv6:::1]",
        "bob@127.0.0.1",
        "bob@acme.com.",
        "bob@acme..com",
        ".bob@acme.com",
        "bob.@acme.com",
        "bo..b@acme.com",
        "bob@intranet",
        "bob@-acme.com",
        "bob@a_b.com",
        "bob@x.invalid",
        "bob@x.onion",
        "bob@1.in-addr.arpa",
        "bob\x00@acme.com",
        "bob\u2028@acme.com",
        "bob\ud800@acme.com",
        "bob\x85@acme.com",
        "bob@acme\u3002com",  # an ideographic full stop would become a dot
        "bob@ａcme.com",  # a full-width letter would become another
        "bob＠acme.com",
        "jo\u0308rg@acme.com",  # decomposed: another mailbox to some servers
        "bob%evil.test@acme.com",
        "evil.test!bob@acme.com",
        "=?utf-8?q?bob?=@acme.com",
        "l" * 65 + "@acme.com",
        "ü" * 33 + "@acme.com",
        "bob@" + "a" * 64 + ".com",
        "bob@" + "a." * 130 + "com",
        "b" * 2_000_000,
    ],
)
def test_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="not accepted"):
        parse(written)


@given(st.text(max_size=30), st.sampled_from(["@acme.com", "@b.test", "@localhost", "@", ""]))
def test_what_is_accepted_is_unchanged(start: str, end: str) -> None:
    try:
        mailbox = parse(start + end)
    except InvalidInput:
        return
    local, _, domain = (start + end).rpartition("@")
    assert mailbox.local == local
    assert mailbox.domain.encode().decode("idna") == domain.lower() or mailbox.domain == domain.lower()


@pytest.mark.parametrize(
    ("local", "domain"), [("a\r\nb", "c.test"), ("a>b", "c.test"), ("a", "c\n.test"), ("", "c.test")]
)
def test_a_mailbox_cannot_be_made_unsafe(local: str, domain: str) -> None:
    with pytest.raises(InvalidInput):
        Mailbox(local, domain)


def test_the_hosts_own_settings_are_left_alone() -> None:
    before = list(email_validator.SPECIAL_USE_DOMAIN_NAMES)
    parse("someone@b.test")
    assert before == email_validator.SPECIAL_USE_DOMAIN_NAMES
    assert not email_validator.TEST_ENVIRONMENT
