from __future__ import annotations

import ssl

import pytest

from clarion.channels.smtp.server import Security, Server
from clarion.errors import ClarionError, ConfigError


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtp://localhost", "localhost", 25, Security.OFFERED),
        ("smtp://localhost:2525/", "localhost", 2525, Security.OFFERED),
        ("smtp://mail.acme.com?tls=none", "mail.acme.com", 25, Security.NONE),
        ("smtp+starttls://mail.acme.com", "mail.acme.com", 587, Security.STARTTLS),
        ("smtps://mail.acme.com", "mail.acme.com", 465, Security.IMPLICIT),
        ("smtps://[::1]:465", "::1", 465, Security.IMPLICIT),
    ],
)
def test_urls(url: str, host: str, port: int, security: Security) -> None:
    server = Server.of(url)
    assert (server.host, server.port, server.security) == (host, port, security)
    assert Server.of(str(server)) == server


def test_login_is_unquoted_and_never_shown() -> None:
    server = Server.of("smtps://bob%40acme.com:p%3Aw%2Fo@mail.acme.com")
    assert (server.user, server.password) == ("bob@acme.com", "p:w/o")
    assert "p:w" not in f"{server!r} {server}"
    assert str(server) == "smtps://bob@acme.com:***@mail.acme.com:465"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.acme.com",
        "http://mail.acme.com",
        "smtp://",
        "smtp://:secret@",
        "smtp://bob@mail.acme.com",
        "smtp://bob:@mail.acme.com",
        "smtp://:secret@mail.acme.com",
        "smtp://mail.acme.com:99999",
        "smtp://bob:secret@mail.acme.com:secret",
        "smtp://mail.acme.com/path",
        "smtp://mail.acme.com?tls=maybe",
        "smtp://mail.acme.com?tsl=none",
        "smtp://bob:12?secret@mail.acme.com",
        "smtp://bob:12?tls=secret@mail.acme.com",
        "smtps://mail.acme.com?tls=none",
        "smtp://bob:secret@mail.acme.com?tls=none",
        "smtp://bob:secret%0d%0aQUIT@localhost",
        "smtp://[::1",
    ],
)
def test_urls_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ClarionError) as caught:
        Server.of(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_option_names_the_known_one() -> None:
    with pytest.raises(ConfigError, match=r"only 'smtp://…\?tls=none' is known"):
        Server.of("smtp://mail.acme.com?tsl=none")


def test_a_password_in_clear_is_allowed_on_this_machine_only() -> None:
    assert Server.of("smtp://bob:secret@127.0.0.1?tls=none").local
    with pytest.raises(ConfigError, match="in clear"):
        Server.of("smtp://bob:secret@10.0.0.1?tls=none")


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("smtp://localhost", ssl.CERT_NONE),
        ("smtp://mail.acme.com", ssl.CERT_REQUIRED),
        ("smtp+starttls://localhost", ssl.CERT_REQUIRED),
        ("smtps://localhost", ssl.CERT_REQUIRED),
    ],
)
def test_certificates_are_checked_but_for_opportunistic_tls_on_this_machine(
    url: str, mode: ssl.VerifyMode
) -> None:
    assert Server.of(url).tls_context().verify_mode is mode
