"""Heads are bounded, and bodies are no heads."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from clarion import Clarion
from clarion.web.settings import Settings
from tests.web.inbox import served

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def address(clarion: Clarion) -> Iterator[tuple[str, int]]:
    with served(clarion, Settings()) as (url, _):
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


def statuses(address: tuple[str, int], *sent: bytes) -> list[bytes]:
    """Of all that is answered until the other side ends; what it does not take any more is not sent."""
    with socket.create_connection(address, timeout=30) as connection:
        try:
            for part in sent:
                connection.sendall(part)
        except ConnectionError:
            pass
        said = b""
        try:
            while part := connection.recv(65536):
                said += part
        except ConnectionError:
            pass
    return re.findall(rb"HTTP/1\.1 (\d+)", said)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_only_a_head_is_too_long(address: tuple[str, int], key: Callable[..., dict[str, str]]) -> None:
    last = GET + b"Connection: close\r\n\r\n"
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key()['Authorization']}\r\n".encode()
    event = b'{"type": "note"}' + b" " * 200_000
    whole = head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(event) + event
    assert statuses(address, whole, whole, last) == [b"202", b"202", b"200"]
    assert statuses(address, *[GET + b"X: " + b"x" * 20_000 + b"\r\n\r\n"] * 5, last) == [b"200"] * 6
    assert statuses(address, GET + b"X: ", *[b"x" * 1000] * 200) == [b"400"]
    assert statuses(address, GET + b"\r\n" + GET + b"X: ", *[b"x" * 1000] * 200) == [b"200", b"400"]
