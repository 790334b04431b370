"""Secrets: what is shown instead of one, and how long one must be to sign with."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from clarion.errors import ConfigError

LEAST = 32  # bytes: what HMAC-SHA256 makes full use of

_url = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_password = re.compile(r"(://[^:@/?#]*):.*@", re.DOTALL)
_parameter = re.compile(r"([?&])([^=&#]*)=([^&#]*)")
# What may be read of a URL's parameters. Drivers know many more, some of which hold a password.
_HARMLESS = frozenset(
    {
        "application_name",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "port",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "timeout",
        "tls",
        "user",
    }
)


def masked(secret: str) -> str:
    """A URL with `***` for its password and for every parameter that may hold one; of anything else nothing."""
    if not _url.match(secret):
        return "***"
    return _parameter.sub(_masked_parameter, _password.sub(r"\1:***@", secret))


def _masked_parameter(found: re.Match[str]) -> str:
    begins, name, value = found.groups()
    return f"{begins}{name}={value if unquote_plus(name) in _HARMLESS else '***'}"


def check_length(what: str, secret: str) -> None:
    """Whether it can sign. Raises `ConfigError`, which does not show it."""
    if (length := len(secret.encode())) < LEAST:
        raise ConfigError(
            f"{what} has {length} bytes, at least {LEAST} are needed; make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )
