"""Where mail is handed over: the URL of a server, read and checked once.

    smtp://[user:password@]host[:25]             STARTTLS where the server offers it
    smtp://…?tls=none                            never TLS
    smtp+starttls://[user:password@]host[:587]   STARTTLS, or nothing is sent
    smtps://[user:password@]host[:465]           TLS from the first byte

A certificate is always checked, except for `smtp://` to this machine itself. A password never crosses a network in clear.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from clarion.errors import ConfigError, UnknownName

_control = re.compile("[\x00-\x1f\x7f]")


class Security(Enum):
    """How a connection comes to TLS."""

    NONE = "none"
    OFFERED = "offered"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


_schemes = {
    "smtp": (Security.OFFERED, 25),
    "smtp+starttls": (Security.STARTTLS, 587),
    "smtps": (Security.IMPLICIT, 465),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server and how to speak to it."""

    scheme: str
    host: str
    port: int
    security: Security
    user: str | None = None
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None = None) -> Server:
        """The server at `url`; raises `ConfigError`. `tls` replaces the system's trusted authorities."""
        try:
            parts = urlsplit(url)
            port, host, user = parts.port, parts.hostname, parts.username
        except ValueError as error:
            raise ConfigError(f"the URL of the mail server cannot be read: {type(error).__name__}") from None
        if parts.scheme not in _schemes:
            raise UnknownName("scheme of a mail server", parts.scheme, _schemes)
        security, standard_port = _schemes[parts.scheme]
        if not host or parts.path not in {"", "/"} or parts.fragment or _control.search(unquote(host)):
            raise ConfigError(
                f"a mail server is written {parts.scheme}://host:port, with user:password@ if it wants them"
            )
        for option in parse_qsl(parts.query, keep_blank_values=True):
            if option != ("tls", "none") or security is not Security.OFFERED:
                # Not what stands there: it is the rest of a password that has a '?' in it.
                raise ConfigError(
                    "behind the '?' of a mail server's URL only 'smtp://…?tls=none' is known, see smtp+starttls:// "
                    "and smtps:// for the others; write %3F for a ? in a password"
                )
            security = Security.NONE
        server = cls(
            scheme=parts.scheme,
            host=host,
            port=port or standard_port,
            security=security,
            user=unquote(user) if user else None,
            password=unquote(parts.password or ""),
            tls=tls,
        )
        server._check_login()
        return server

    def _check_login(self) -> None:
        if bool(self.user) != bool(self.password):
            raise ConfigError("a mail server needs both user and password, or neither")
        if _control.search(f"{self.user}{self.password}"):
            raise ConfigError("user and password of a mail server cannot hold control characters")
        if self.user and self.security is Security.NONE and not self.local:
            raise ConfigError(f"tls=none would send the password to {self.host} in clear; leave it out")

    def __str__(self) -> str:
        """As a URL, with the password masked."""
        login = f"{self.user}:***@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{login}{host}:{self.port}{'?tls=none' if self.security is Security.NONE else ''}"

    @property
    def local(self) -> bool:
        """Whether what is sent there stays on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def tls_context(self) -> ssl.SSLContext:
        """Reads the system's authorities unless a context was given: some 20 ms, so worth keeping."""
        if self.tls is not None:
            return self.tls
        context = ssl.create_default_context()
        if self.local and self.security is Security.OFFERED:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
