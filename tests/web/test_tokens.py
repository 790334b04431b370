"""S10: whatever is wrong with a token, the answer is 401."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI

from clarion import Clarion, ConfigError, InvalidInput, clock
from clarion.web import jwks
from clarion.web.app import create_app
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.web.conftest import HOST, SECRET, token

pytestmark = pytest.mark.anyio

Travel = Callable[[timedelta], None]


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a good token; `None` leaves one out."""
    good = {"sub": "bob", "tenant": "default", "aud": "clarion", "exp": int(clock.now().timestamp()) + 600}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def status(http: httpx2.AsyncClient, text: str) -> int:
    answer = await http.get("/v1/me/configuration", headers=bearer(text))
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="clarion", error="invalid_token"'
        assert answer.json()["type"] == "urn:clarion:problem:unauthenticated"
        assert SECRET not in answer.text
    return answer.status_code


def now(seconds: float) -> int:
    return int(clock.now().timestamp() + seconds)


async def test_a_good_token_is_of_its_recipient(http: httpx2.AsyncClient, travel: Travel) -> None:
    mine = token("bob", lasts=timedelta(minutes=1))
    answer = await http.get("/v1/me/configuration", headers=mine)
    assert answer.json()["recipient"]["id"] == "bob"
    travel(timedelta(seconds=58))
    assert (await http.get("/v1/me/configuration", headers=mine)).status_code == 200
    travel(timedelta(seconds=10))
    assert (await http.get("/v1/me/configuration", headers=mine)).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"aud": None},
        {"sub": None},
        {"tenant": None},
        {"aud": "another"},
        {"aud": 3},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\nb"},
        {"tenant": ["default"]},
        {"exp": -1},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": 90_000},
        {"nbf": 600},
    ],
)
async def test_claims_that_are_refused(http: httpx2.AsyncClient, changed: dict[str, Any]) -> None:
    given = dict(changed)
    if isinstance(given.get("exp"), int) and given["exp"] is not True and given["exp"] < 10**6:
        given["exp"] = now(given["exp"] if given["exp"] > 0 else -60)
    if "nbf" in given:
        given["nbf"] = now(given["nbf"])
    assert await status(http, jwt.encode(claims(**given), SECRET, algorithm="HS256")) == 401


async def test_signatures_that_are_refused(http: httpx2.AsyncClient) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    good = jwt.encode(claims(), SECRET, algorithm="HS256")
    head, body, signature = good.split(".")
    forged = [
        f"{head}.{body}.",
        f"{head}.{part(claims(sub='carol'))}.{signature}",
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{part({'alg': 'HS512', 'typ': 'JWT'})}.{body}.{signature}",
        jwt.encode(claims(), SECRET, algorithm="HS384"),
        jwt.encode(claims(), "another secret, of the same length, or so", algorithm="HS256"),
        f"{part([])}.{body}.{signature}",
        f"{part({})}.{part([])}.{signature}",
        f"{head}.!!!.{signature}",
        "..",
        jwt.encode(claims(more="x" * 5000), SECRET, algorithm="HS256"),
        base64.urlsafe_b64encode(b"[" * 2000).decode() + f".{body}.{signature}",
    ]
    assert [await status(http, one) for one in forged] == [401] * len(forged)
    assert await status(http, good) == 200


async def test_without_settings_no_token_opens(clarion: Clarion) -> None:
    transport = httpx2.ASGITransport(create_app(clarion))
    async with httpx2.AsyncClient(transport=transport, base_url=HOST) as http:
        answer = await http.get("/v1/me/configuration", headers=token("bob"))
        assert (answer.status_code, "not set up" in answer.json()["detail"]) == (401, True)


def test_signing_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="at least 32"):
        sign("short", "bob")
    with pytest.raises(InvalidInput, match="recipient is empty"):
        sign(SECRET, "")
    with pytest.raises(InvalidInput, match="opens nothing"):
        sign(SECRET, "bob", lasts=timedelta())


# ── Public keys ──────────────────────────────────────────────────────────────────────────────────────────

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def public(kid: str, key: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


class Keys:
    """A server of keys, which counts how often it is asked."""

    def __init__(self) -> None:
        self.content = b"{}"
        self.asked = 0
        ours = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ours.asked += 1
                self.send_response(302 if self.path == "/moved" else 200)
                self.send_header("Location", "/keys")
                self.end_headers()
                self.wfile.write(ours.content)

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def publish(self, *keys: dict[str, Any]) -> None:
        self.content = json.dumps({"keys": list(keys)}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def keys() -> Iterator[Keys]:
    made = Keys()
    yield made
    made.close()


def signed(key: Any, algorithm: str, kid: str | None = "one", **changed: Any) -> str:
    return jwt.encode(
        claims(**changed), key, algorithm=algorithm, headers={} if kid is None else {"kid": kid}
    )


def client(clarion: Clarion, source: str) -> httpx2.AsyncClient:
    app: FastAPI = create_app(clarion, Settings(tokens=TokenSettings(jwks=source)))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOST)


async def test_public_keys_from_a_url(clarion: Clarion, keys: Keys, travel: Travel) -> None:
    keys.publish(public("one", RSA), public("two", EC))
    async with client(clarion, keys.url) as http:
        assert await status(http, signed(RSA, "RS256")) == 200
        assert await status(http, signed(EC, "ES256", "two")) == 200
        assert await status(http, signed(EC, "ES256", "one")) == 401
        assert await status(http, signed(RSA, "RS512")) == 401
        assert await status(http, signed(RSA, "RS256", None)) == 401
        assert await status(http, signed(RSA, "RS256", aud="another")) == 401
        # The public key, which everybody has, is no secret to sign with.
        pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        assert await status(http, _hmac_with(pem)) == 401
        assert await status(http, jwt.encode(claims(), "", algorithm="none", headers={"kid": "one"})) == 401
        assert keys.asked == 1


async def test_a_new_key_is_read_when_it_is_named_but_not_at_every_name(
    clarion: Clarion, keys: Keys, travel: Travel
) -> None:
    keys.publish(public("one", RSA))
    async with client(clarion, keys.url) as http:
        assert await status(http, signed(RSA, "RS256")) == 200
        keys.publish(public("two", EC))
        for n in range(20):
            assert await status(http, signed(EC, "ES256", f"unknown {n}")) == 401
        assert keys.asked == 1
        travel(timedelta(seconds=11))
        assert await status(http, signed(EC, "ES256", "two")) == 200
        assert keys.asked == 2
        keys.content = b"out of order"
        travel(timedelta(minutes=6))
        assert await status(http, signed(EC, "ES256", "two")) == 200  # what is known goes on to count


async def test_keys_that_cannot_be_read(clarion: Clarion, keys: Keys) -> None:
    for content in (b"", b"[]", b"[" * 100_000, b" " * 300_000, b'{"keys": 3}'):
        keys.content = content
        async with client(clarion, keys.url) as http:
            answer = await http.get("/v1/me/configuration", headers=bearer(signed(RSA, "RS256")))
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:clarion:problem:unavailable")
    keys.publish(public("one", RSA))
    async with client(clarion, keys.url.replace("/keys", "/moved")) as http:
        assert await status(http, signed(RSA, "RS256")) == 503


async def test_public_keys_from_a_file(clarion: Clarion, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA))
    others = [
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        {**private, "kid": "private"},
        3,
        {"kid": "three", "kty": "RSA"},
    ]
    path.write_text(json.dumps({"keys": [*others, public("one", RSA)]}))
    async with client(clarion, str(path)) as http:
        assert await status(http, signed(RSA, "RS256")) == 200
        assert await status(http, signed(RSA, "RS256", "private")) == 401


def test_sources_that_cannot_be(tmp_path: Path) -> None:
    for source, words in (
        ("http://acme.test/keys", "use https"),
        (str(tmp_path / "none"), "no such file"),
        ("ftp://acme.test", "must be a file"),
    ):
        with pytest.raises(ConfigError, match=words):
            jwks.KeySet(source, None)  # type: ignore[arg-type]  # refused before it is used


def _hmac_with(key: bytes) -> str:
    """PyJWT refuses to sign with a public key, so by hand."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = (
        part(json.dumps({"alg": "HS256", "kid": "one"}).encode()) + "." + part(json.dumps(claims()).encode())
    )
    return f"{head}.{part(hmac.digest(key, head.encode(), hashlib.sha256))}"
