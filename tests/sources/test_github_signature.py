"""X-Hub-Signature-256: what GitHub signed is accepted, and nothing else (S11)."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest

from clarion.errors import ConfigError, InvalidInput
from clarion.sources.github import ForgedSignature, verify

# From GitHub's documentation, "Testing the webhook payload validation".
SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_githubs_own_example_is_accepted() -> None:
    verify(SECRET, BODY, SIGNATURE)
    verify(SECRET.encode(), BODY, SIGNATURE)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (None, "X-Hub-Signature-256 is missing"),
        ("", "X-Hub-Signature-256 is missing"),
        ("sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(), "the signature is SHA-1"),
        ("sha512=" + "0" * 128, "must be 'sha256=' and 64"),
        (SIGNATURE.removeprefix("sha256="), "must be 'sha256=' and 64"),
        (SIGNATURE.upper(), "must be 'sha256=' and 64"),
        (SIGNATURE + "\n", "must be 'sha256=' and 64"),
        (SIGNATURE + "0", "must be 'sha256=' and 64"),
        (SIGNATURE[:-1], "must be 'sha256=' and 64"),
        (SIGNATURE[:-1] + "７", "must be 'sha256=' and 64"),
        (f" {SIGNATURE}", "must be 'sha256=' and 64"),
        ("sha256=" + "0" * 64, "does not fit the body"),
    ],
)
def test_a_wrong_header_says_what_is_wrong_with_it(signature: str | None, message: str) -> None:
    with pytest.raises(ForgedSignature, match=message) as raised:
        verify(SECRET, BODY, signature)
    assert isinstance(raised.value, InvalidInput)
    assert SECRET not in str(raised.value)
    assert "757107ea" not in str(raised.value)


@pytest.mark.parametrize("secret", ["", b""])
def test_an_empty_secret_accepts_nothing(secret: str | bytes) -> None:
    signed = "sha256=" + hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    with pytest.raises(ConfigError, match="secret is empty"):
        verify(secret, BODY, signed)


def test_of_10_000_mutations_none_is_accepted() -> None:
    chance = random.Random(11)
    body = b'{"action":"opened","number":7,"sender":{"login":"octocat"}}'
    good = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    verify(SECRET, body, good)
    accepted = 0
    for _ in range(10_000):
        altered = (SECRET.encode(), body, good.encode())
        place = chance.randrange(3)
        mutated = tuple(mutation(one, chance) if n == place else one for n, one in enumerate(altered))
        try:
            verify(mutated[0], mutated[1], mutated[2].decode("latin-1"))
        except ForgedSignature:
            continue
        accepted += 1
    assert accepted == 0


def mutation(value: bytes, chance: random.Random) -> bytes:
    """`value` with one byte changed, added, removed or two exchanged; never `value` itself."""
    while True:
        at, other = chance.randrange(len(value)), chance.randrange(len(value))
        new = bytearray(value)
        match chance.randrange(4):
            case 0:
                new[at] ^= 1 << chance.randrange(8)
            case 1:
                new.insert(at, chance.randrange(256))
            case 2:
                del new[at]
            case 3:
                new[at], new[other] = new[other], new[at]
        if bytes(new) != value:
            return bytes(new)


def test_the_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verify(SECRET, BODY, SIGNATURE)
    assert compared == [(SIGNATURE, SIGNATURE)]
