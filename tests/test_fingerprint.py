"""Failures that say the same are one, whatever differs each time."""

from __future__ import annotations

import pytest

from clarion import fingerprint


@pytest.mark.parametrize(
    ("detail", "pattern"),
    [
        ("550 mailbox 4711 unknown", "550 mailbox <n> unknown"),
        (
            "550 5.1.1 <bob@acme.test>: Recipient address rejected",
            "550 5.1.1 <<address>>: Recipient address rejected",
        ),
        ("452 4.2.2 Mailbox full", "452 4.2.2 Mailbox full"),
        ("550-5.7.26 blocked, 550 5.7.26 see 12", "550-5.7.26 blocked, 550 5.7.26 see <n>"),
        ("host mx[10.0.0.3] said: 554 5.7.1 denied", "host mx[<n>] said: 554 5.7.1 denied"),
        ("quota 1024 is spent (5.2.2)", "quota <n> is spent (5.2.2)"),
        ("HTTP 503 after 3 tries", "HTTP 503 after <n> tries"),
        ("HTTP/1.1 429 Too Many Requests, in 120 s", "HTTP/1.1 429 Too Many Requests, in <n> s"),
        ("Client error '404 Not Found'", "Client error '404 Not Found'"),
        ("status code: 502", "status code: 502"),
        ("error 12345 in order 503", "error <n> in order <n>"),
        ("1550 of 4000 bytes", "<n> of <n> bytes"),
        ("connection to 4.2.2.1 refused", "connection to <n> refused"),
        ("connection to 10.0.0.3:25 refused", "connection to <n> refused"),
        ("timeout after 30.0 s", "timeout after <n> s"),
        ("job 01a1fbcf-f077-710e-9bb9-3cde9ed88749 is gone", "job <id> is gone"),
        ("queued as 4bYtKq1zXnz9rW", "queued as <id>"),
        ("https://hooks.example.com/a?b=1 says\n  no", "<url> says no"),
        ("connection to 10.0.0.7:2525 refused", "connection to <n> refused"),
        ("internationalization is unavailable", "internationalization is unavailable"),
        (None, ""),
    ],
)
def test_what_differs_is_left_out(detail: str | None, pattern: str) -> None:
    assert fingerprint.pattern(detail) == pattern


def test_what_is_wrong_is_no_detail() -> None:
    causes = ("550 5.1.1 unknown", "550 5.2.1 unknown", "450 5.1.1 unknown", "HTTP 502", "HTTP 503")
    assert len({fingerprint.pattern(said) for said in causes}) == len(causes)


def test_what_says_the_same_is_alike_and_nothing_else_is() -> None:
    same = {
        fingerprint.of("email", "smtp_550", fingerprint.pattern(f"no mailbox {who}@acme.test, try {n}"))
        for n, who in enumerate(("bob", "carol"))
    }
    assert len(same) == 1
    assert all(len(one) == 12 for one in same)
    other = {
        fingerprint.of("sms", "smtp_550", "x"),
        fingerprint.of("email", "smtp_551", "x"),
        fingerprint.of("email", None, "x"),
        fingerprint.of("email", "smtp_550", "y"),
        fingerprint.of("email", "smtp_550", "x"),
    }
    assert len(other) == 5
