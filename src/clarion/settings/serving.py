"""The settings of the HTTP service: what `clarion.web` takes, with the same defaults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from clarion.settings import checks
from clarion.settings.kinds import TEXT, TEXTS, count, rate, span
from clarion.settings.setting import Setting

_SECOND = timedelta(seconds=1)
_MONTH = timedelta(days=31)

TABLES = {
    "serve": "The HTTP service, `clarion serve`.",
    "serve.tokens": "How recipients' tokens are checked. Without `secret` or `jwks` there are none.",
    "serve.openid": "How operators sign in with OpenID Connect. Without it they sign in with a key.",
}


def serve() -> Iterator[Setting]:
    """Where it listens, and the arguments of its `Settings`."""
    yield Setting("serve.host", TEXT, "Where it listens.", default="127.0.0.1", flag="--host", with_app=True)
    yield Setting(
        "serve.port", count(0, 65_535), "0 chooses a free one.", default=8080, flag="--port", with_app=True
    )
    yield Setting(
        "serve.workers",
        count(0, 1),
        "Whether the process is a worker, too: 1, or 0 where others work.",
        default=1,
        flag="--workers",
        with_app=True,
    )
    yield from _limits()
    yield Setting(
        "serve.cors_origins",
        TEXTS,
        "Whose pages may call from a browser.",
        default=(),
        with_app=True,
    )
    yield Setting(
        "serve.session_secret",
        TEXT,
        "Signs operators' sessions, at least 32 bytes. Without one they end with the process.",
        example="32 random bytes, as text",
        secret=True,
        with_app=True,
        check=checks.signing,
    )
    yield Setting(
        "serve.session_lasts",
        span(_SECOND, _MONTH),
        "After which time an operator signs in again.",
        default=timedelta(hours=8),
        with_app=True,
    )


def _limits() -> Iterator[Setting]:
    millions = count(1, 1_000_000_000)
    yield Setting(
        "serve.body_limit", millions, "Bytes of a request's body.", default=1_000_000, with_app=True
    )
    yield Setting("serve.events_limit", count(), "Events in one request.", default=1000, with_app=True)
    yield Setting(
        "serve.rate", rate(1_000_000), "Requests of a key in a second.", default=1000.0, with_app=True
    )
    yield Setting("serve.burst", millions, "Requests of a key at once.", default=2000, with_app=True)
    yield Setting(
        "serve.recipient_rate",
        rate(1_000_000),
        "Requests of a recipient in a second.",
        default=20.0,
        with_app=True,
    )
    yield Setting(
        "serve.recipient_burst", millions, "Requests of a recipient at once.", default=100, with_app=True
    )
    yield Setting(
        "serve.patience",
        span(_SECOND),
        "For the database, before the answer is 503.",
        default=timedelta(seconds=10),
        with_app=True,
    )


def tokens() -> Iterator[Setting]:
    """The arguments of its `TokenSettings`."""
    yield Setting(
        "serve.tokens.secret",
        TEXT,
        "Shared with the application, which signs with it (HS256); at least 32 bytes.",
        example="32 random bytes, as text",
        secret=True,
        with_app=True,
        check=checks.signing,
    )
    yield Setting(
        "serve.tokens.jwks",
        TEXT,
        "Instead of a secret: the URL or file of the application's public keys (RS256, ES256).",
        example="https://acme.test/.well-known/jwks.json",
        with_app=True,
    )
    yield Setting(
        "serve.tokens.audience", TEXT, "What they must name as `aud`.", default="clarion", with_app=True
    )
    yield Setting(
        "serve.tokens.lifetime",
        span(_SECOND, _MONTH),
        "How long one may still be valid.",
        default=timedelta(hours=24),
        with_app=True,
    )
    yield Setting(
        "serve.tokens.leeway",
        span(most=timedelta(minutes=5)),
        "By how much clocks may differ.",
        default=timedelta(seconds=5),
        with_app=True,
    )


def openid() -> Iterator[Setting]:
    """The arguments of its `OpenIdSettings`."""
    yield Setting(
        "serve.openid.issuer",
        TEXT,
        "The provider, as it calls itself.",
        example="https://login.acme.test",
        with_app=True,
    )
    yield Setting(
        "serve.openid.client_id", TEXT, "What it calls this service.", example="clarion", with_app=True
    )
    yield Setting(
        "serve.openid.client_secret",
        TEXT,
        "Shared with the provider; leave it out for a public client.",
        example="what the provider gave",
        secret=True,
        with_app=True,
    )
    yield Setting(
        "serve.openid.url",
        TEXT,
        "Where browsers find this service; the provider is told to come back to it, at /console/sign-in/openid/back.",
        example="https://clarion.acme.test",
        with_app=True,
    )
    yield Setting(
        "serve.openid.grants",
        TEXTS,
        "What groups may do: scopes, tenant and group.",
        example=("operate providers in default: sre",),
        with_app=True,
    )
    yield Setting(
        "serve.openid.claim",
        TEXT,
        "The claim in which the provider lists somebody's groups.",
        default="groups",
        with_app=True,
    )
    yield Setting(
        "serve.openid.name",
        TEXT,
        "The claim by which the audit calls somebody; `sub` where it is missing.",
        default="email",
        with_app=True,
    )
    yield Setting(
        "serve.openid.scopes",
        TEXTS,
        "What the provider is asked for.",
        default=("openid", "profile", "email"),
        with_app=True,
    )
