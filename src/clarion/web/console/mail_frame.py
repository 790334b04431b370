"""The HTML of a mail, to be shown in a frame: sandboxed twice over, dark or light as asked, whatever the browser prefers."""

from __future__ import annotations

import re

from starlette.responses import Response

# Without `allow-…` there are no scripts, no forms, no popups, and no origin; nothing is loaded but pictures in the mail itself.
POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_prefers = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(?P<scheme>dark|light)\s*\)", re.IGNORECASE)
_head_end = re.compile(r"</head\s*>", re.IGNORECASE)


def answer(html: str, *, dark: bool) -> Response:
    body = as_preferred(html, dark=dark).encode("utf-8", "replace")
    return Response(body, headers=_HEADERS, media_type="text/html; charset=utf-8")


def as_preferred(html: str, *, dark: bool) -> str:
    """As a reader sees it who prefers dark, or light."""
    scheme = "dark" if dark else "light"

    def holds(found: re.Match[str]) -> str:
        return "(min-width:0)" if found["scheme"].lower() == scheme else "(max-width:0)"

    forced = f"<style>:root{{color-scheme:{scheme}!important}}</style>"
    html = _prefers.sub(holds, html)
    end = _head_end.search(html)
    return forced + html if end is None else html[: end.start()] + forced + html[end.start() :]
