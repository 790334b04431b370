"""Links that are safe to put in front of people: http, https and paths, never anything else."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from clarion.errors import ConfigError

# What would end a link in plain text, hide a part of it, or be read as something else by a browser.
_awkward = re.compile(
    '[\x00-\x20\x7f-\xa0"<>\\\\^`{|}\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]'
)


def base(url: str | None) -> str | None:
    """`url` as something to put before paths; raises `ConfigError`."""
    if url is None:
        return None
    if not is_web(url) or "?" in url or "#" in url or _awkward.search(url):
        raise ConfigError(
            f"base_url {url[:80]!r} must be where the application is on the web, such as 'https://acme.test'"
        )
    return url.rstrip("/")


def join(base_url: str | None, url: str | None) -> str | None:
    """`url`, behind `base_url` when it is a path; `None` for whatever is not http, https or a path.

    A path is put behind the base, not resolved against it: with `https://a.test/app`, `/cl/42` is
    `https://a.test/app/cl/42`. `//host` is no path but another host (RFC 3986 §4.2), and so is `/\\host` to browsers.
    """
    if url is None:
        return None
    if url.startswith("/"):
        if url[1:2] in {"/", "\\"}:
            return None
        return (base_url or "") + _quoted(url)
    return _quoted(url) if is_web(url) else None


def is_web(url: str) -> bool:
    """Whether `url` is absolute http or https, to a host, without a user name that could pose as one."""
    if not url.lower().startswith(("https://", "http://")) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc


def _quoted(url: str) -> str:
    return _awkward.sub(lambda found: quote(found[0], safe="", errors="replace"), url)
