"""A small OpenID provider on this machine: it signs in whom the test says, and lies where the test wants that."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from clarion import clock

CLIENT, SECRET = "clarion", "a secret: with % and ü"


class Provider:
    """`claims`: of whoever signs in. `lies`: what the token says instead. `codes`: those that were given out."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.claims: dict[str, Any] = {"sub": "u-17", "email": "olga@acme.test", "groups": ["sre"]}
        self.lies: dict[str, Any] = {}
        self.signs_with: Any = self.key
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.answers = 200
        self.url = ""

    def sign_in(self, url: str, **changed: str) -> str:
        """What a browser does there: asked to sign somebody in, where it is sent back to."""
        said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | changed
        code = f"code-{len(self.codes)}"
        self.codes[code] = said
        return f"{said['redirect_uri']}?{urlencode({'code': code, 'state': said['state']})}"

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "ES256"}]}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        scheme, _, pair = authorization.partition(" ")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        client = base64.b64decode(pair).decode() if scheme == "Basic" else ""
        if asked is None or asked["code_challenge"] != proof or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if client != "clarion:a%20secret%3A%20with%20%25%20and%20%C3%BC":
            return 401, {"error": "invalid_client"}
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
            **self.lies,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(said, self.signs_with, algorithm="ES256", headers={"kid": "one"})
        return self.answers, {"id_token": signed}


@contextmanager
def provider() -> Iterator[Provider]:
    made = Provider()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path.startswith("/authorize?"):
                return self._send_back(made.sign_in(self.path))
            found = {"/.well-known/openid-configuration": made.described, "/keys": made.keys}.get(self.path)
            return self._answer(404 if found is None else 200, {} if found is None else found())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*made.token(form, self.headers.get("Authorization", "")))

        def _send_back(self, url: str) -> None:
            self.send_response(302)
            self.send_header("Location", url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
