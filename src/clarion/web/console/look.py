"""How pages are made: templates in which everything is escaped, the words they write things in, and their headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from clarion import clock
from clarion.web.console import static, times
from clarion.web.console.menu import CONSOLE
from clarion.web.console.times import Zone

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "default",
}
HEADERS = {
    "Cache-Control": "no-store",
    # Without any referrer, browsers would send forms from nowhere: `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def policy(*, frames: bool = False) -> str:
    said = {**_POLICY, **({"frame-src": "'self'"} if frames else {})}
    return "; ".join(f"{name} {value}" for name, value in said.items())


def url(
    request: Request, path: str, query: Iterable[tuple[str, object]] | Mapping[str, object] = (), /
) -> str:
    """Wherever the service is mounted."""
    base = str(request.scope.get("root_path", "")) + CONSOLE + path
    said = [
        (name, times.in_url(value) if isinstance(value, datetime) else str(value))
        for name, value in (query.items() if isinstance(query, Mapping) else query)
    ]
    return f"{base}?{urlencode(said)}" if said else base


def answer(
    request: Request, zone: Zone, template: str, /, *, status: int = 200, frames: bool = False, **context: Any
) -> Response:
    """The page of this template. `frames`: it may hold frames of this console."""
    text = _templates.get_template(template).render({**_words(request, zone), **context})
    headers = {**HEADERS, "Content-Security-Policy": policy(frames=frames)}
    return Response(text.encode("utf-8", "replace"), status, headers, "text/html; charset=utf-8")


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────


def _words(request: Request, zone: Zone) -> dict[str, Any]:
    now = clock.now()
    return {
        "zone": zone,
        "now": now,
        "plain_url": partial(url, request),
        "asset": lambda name: url(request, static.PATH + name, {"v": static.version(name)}),
        "time": partial(time, zone=zone),
        "ago": partial(ago, zone=zone, now=now),
        "in_input": partial(times.in_input, zone=zone.info),
    }


def time(at: datetime | None, *, zone: Zone, exact: bool = False) -> Markup:
    """An instant in the zone of the page, with UTC on hover."""
    if at is None:
        return Markup("–")
    machine = times.in_url(at)
    hover = machine.replace("T", " ").replace("Z", " UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        machine, hover, times.written(at, zone.info, exact=exact)
    )


def ago(at: datetime | None, *, zone: Zone, now: datetime) -> Markup:
    """`3 min ago`, `in 2 h`, with the instant in the zone of the page and in UTC on hover."""
    if at is None:
        return Markup("–")
    text = f"{times.long(now - at)} ago" if at <= now else f"in {times.long(at - now)}"
    machine = times.in_url(at)
    hover = f"{times.written(at, zone.info)} {zone.name}"
    if zone.name != "UTC":
        hover += f" · {machine.replace('T', ' ').replace('Z', ' UTC')}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, hover, text)


def number(value: float | None, *, more: bool = False) -> str:
    """`12,345`; with `more`, at least so many: `10,000+`."""
    if value is None:
        return "–"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    return f"{text}+" if more else text


def span(value: timedelta | None) -> str:
    return "–" if value is None else times.long(value)


def short(value: object, most: int = 80) -> str:
    """As much of a text as a cell of a table holds."""
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def quoted(part: str) -> str:
    """As one part of a path."""
    return quote(part, safe="")


def outside(value: str | None) -> str | None:
    """An address of the application's that may be a link: nothing that a browser would run."""
    if value is None or not value.isprintable():
        return None
    begins = value.lower()
    if begins.startswith(("https://", "http://")):
        return value
    return value if begins.startswith("/") and not begins.startswith(("//", "/\\")) else None


_templates = Environment(
    loader=PackageLoader("clarion.web.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
# The colour of a word: `good`, `bad`, `warn`, `busy`; others are plain.
_STATES = {
    "sent": "good", "ok": "good", "told": "good", "decided": "good", "finished": "good", "works": "good",
    "failed": "bad", "trouble": "bad", "dead": "bad", "revoked": "bad", "down": "bad",
    "warning": "warn", "paused": "warn", "expired": "warn", "stalled": "warn",
    "waiting": "busy", "sending": "busy", "running": "busy",
}  # fmt: skip
_templates.globals |= {"states": _STATES, "quoted": quoted}
_templates.filters |= {"number": number, "span": span, "short": short, "outside": outside}
