"""Asking a server that the operator named: over https, without proxies and redirects, a bounded answer within seconds."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

LARGEST = 256 * 1024  # bytes
_TIMEOUT = 5.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, _request: Any, response: Any, *_: Any) -> NoReturn:
        response.close()
        raise OSError("a redirect, which is not followed; name the address itself")


# No proxy from the environment: whoever sets that could hand us keys.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def is_safe(url: str) -> bool:
    """What comes without https could be anybody's, but for that of this machine."""
    parts = urlsplit(url)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and here))


def get(url: str) -> bytes:
    """Raises `OSError`, with what the other side says, and `ValueError`."""
    return _content(urllib.request.Request(url))  # noqa: S310 - `is_safe` was asked


def post(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """The same, of a form that is sent."""
    said = urlencode(form).encode("ascii")
    asked = urllib.request.Request(url, said, {"Accept": "application/json", **headers})  # noqa: S310 - as above
    return _content(asked)


def _content(request: urllib.request.Request) -> bytes:
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as response:
            content = bytes(response.read(LARGEST + 1))
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(f"{error.code}: {error.read(300).decode('utf-8', 'replace')}") from None
    if len(content) > LARGEST:
        raise ValueError(f"more than {LARGEST:,} bytes")
    return content
