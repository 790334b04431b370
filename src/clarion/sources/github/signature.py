"""Whether a webhook comes from GitHub: the header X-Hub-Signature-256 over the raw body.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import hashlib
import hmac
import re

from clarion.errors import ConfigError, InvalidInput

_well_formed = re.compile(r"sha256=[0-9a-f]{64}")


class ForgedSignature(InvalidInput):
    """The webhook is not proven to come from GitHub. Nothing of it may be used."""


def verify(secret: bytes | str, body: bytes, signature: str | None) -> None:
    """Returns when `signature` is GitHub's for exactly this body; otherwise raises `ForgedSignature`.

    `body` is the request's bytes as received: JSON that was parsed and written again has another signature.
    The comparison takes constant time; only the shape of the header, which is no secret, is judged before.
    """
    key = secret.encode() if isinstance(secret, str) else secret
    if not key:
        raise ConfigError("the webhook secret is empty, so anybody could sign; set the one entered at GitHub")
    if not signature:
        raise ForgedSignature(
            "the header X-Hub-Signature-256 is missing; set a secret for the webhook at GitHub, and pass the header on"
        )
    if signature.startswith("sha1="):
        raise ForgedSignature(
            "the signature is SHA-1, from the old header X-Hub-Signature; pass X-Hub-Signature-256"
        )
    if not _well_formed.fullmatch(signature):
        raise ForgedSignature("X-Hub-Signature-256 must be 'sha256=' and 64 lower-case hexadecimal digits")
    expected = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise ForgedSignature(
            "X-Hub-Signature-256 does not fit the body; the secret differs, or the body was altered after GitHub signed it"
        )
