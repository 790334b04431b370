"""Failures that say the same are one, whatever differs each time."""

from __future__ import annotations

import pytest

from clarion import fingerprint


@pytest.mark.parametrize(
    ("detail", "pattern"),
    [
        ("550 5.1.1 <bob@acme.test>: no such user", "<n> <n> <<address>>: no such user"),
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
