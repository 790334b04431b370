"""The template lab: what a type says on a channel, in a language, dark or light, wide or narrow, before it is told.

What is edited stands in the URL, packed: the view can be shared, and nothing is kept here. Texts of templates that somebody
else edited are shown as texts, and written only once one's own button was pressed.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from clarion.errors import InvalidInput, NotFound, shown
from clarion.lab import Sheet
from clarion.severity import Severity
from clarion.templates.words import parse
from clarion.web.console import mail_frame
from clarion.web.console.failures import same
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.console.said import Said

pages = Pages()

WIDTHS = (320, 480, 640, 800)
SCHEMES = ("light", "dark")
PARTS = ("html", "text", "headers")
PACKED = 12_000  # characters of a draft in a URL
UNPACKED = 512 * 1024
DIFF_LINES = 2000
LOCALES = ("en", "de", "fr", "es", "pt-BR", "ar", "ja", "zh-Hans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is edited: the event's data, and texts of templates by name. `ours`: by whoever asks, in this session."""

    data: Mapping[str, Any] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    ours: bool = True

    @property
    def writes(self) -> Mapping[str, str]:
        """The texts that may be written."""
        return self.texts if self.ours else {}


NOTHING = Draft()


@pages.get("/templates")
async def lab(page: Page) -> Response:
    """A type as it is live and, where something is edited, beside it as edited."""
    if not page.clarion.types:
        return page.show("lab_empty.html")
    return await _shown(page, unpacked(page))


@pages.post("/templates", "operate")
async def edit(page: Page) -> Response:
    """Pack what is edited into the URL, and show it there."""
    kept = {name: value for name, value in page.query.items() if name != "draft"}
    if "undo" in page.said:
        return page.to("/templates", **kept)
    live = await _sheet(page, NOTHING)
    texts = _edited(page.said, live)
    try:
        data = _data(page.said.get("data"))
        draft = Draft(data=None if data == live.event.data else data, texts=texts)
        if draft == NOTHING:
            return page.to("/templates", **kept)
        return page.to("/templates", **kept, draft=packed(page, draft))
    except InvalidInput as error:
        return await _shown(
            page, Draft(texts=texts), only_live=True, data=page.said.get("data"), wrong=str(error)
        )


async def _shown(
    page: Page, draft: Draft, *, only_live: bool = False, data: str | None = None, wrong: str | None = None
) -> Response:
    """`data`: as it was typed, where that is no draft."""
    recipient = page.query.get("recipient")
    if recipient is not None:
        await page.run(lambda: page.desk.showing("templates", recipient))
    live = await _sheet(page, NOTHING)
    edited = None if only_live or draft == NOTHING else await _sheet(page, draft)
    return page.show(
        "lab.html",
        status=200 if wrong is None else 422,
        frames=True,
        types=sorted(page.clarion.types),
        live=live,
        edited=edited,
        draft=draft,
        data=data or _json(live.event.data if draft.data is None else draft.data),
        wrong=wrong,
        channels=list(dict.fromkeys([*live.type.channels, *page.clarion.channels])),
        locales=sorted({*LOCALES, live.locale}),
        widths=[(str(width), f"{width} px") for width in WIDTHS],
        width=page.query.number("width", 640 if edited is None else 480, least=200, most=2000),
        schemes=SCHEMES,
        scheme=page.query.one_of("scheme", SCHEMES, "light"),
        part=page.query.one_of("part", PARTS, "html"),
        changes=[] if edited is None else changes(live, edited),
        event=page.query.get("event"),
        recipient=recipient,
        same=same,
        severities=[severity.label for severity in Severity],
        frame_url=_frame_url(page, None),
        edited_frame=_frame_url(page, page.query.get("draft")),
    )


@pages.get("/templates/mail")
async def mail(page: Page) -> Response:
    """The HTML of it alone, for a frame: no script, nothing from elsewhere, no place of its own."""
    sheet = await _sheet(page, unpacked(page))
    if sheet.content is None or sheet.content.html is None:
        raise NotFound(f"{sheet.type.code} has no HTML on {sheet.channel}")
    return mail_frame.answer(sheet.content.html, dark=page.query.get("scheme") == "dark")


async def _sheet(page: Page, draft: Draft) -> Sheet:
    query, clarion, type = page.query, page.clarion, _type(page)
    declared = clarion.types.get(type)
    preferred = "email" if declared is None or "email" in declared.channels else declared.channels[0]
    locale = query.get("locale")
    if locale is not None and parse(locale) is None:
        raise InvalidInput(f"locale {shown(locale)} is not known; name it like en or pt-BR")

    def lay_out() -> Sheet:
        return clarion.lay_out(
            type,
            channel=query.text("channel", preferred),
            event=query.id("event"),
            data=draft.data,
            edited=draft.writes,
            locale=locale,
            reason=query.text("reason", "direct"),
            severity=query.get("severity"),
            recipient=query.get("recipient"),
            tenant=page.tenant,
        )

    return await page.run(lay_out)


def _type(page: Page) -> str:
    """The one that is asked for, or the first."""
    return page.query.text("type", min(page.clarion.types, default=""))


def _edited(said: Said, live: Sheet) -> dict[str, str]:
    """The texts that differ from what is live, by name. Browsers send CRLF between lines."""
    found = {}
    for part, source in live.sources.items():
        typed = said.get(f"text-{part}")
        if typed is not None and (text := typed.replace("\r\n", "\n")) != source.text.strip():
            found[source.name] = text + "\n"
    return found


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _data(text: str | None) -> Mapping[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the data is no JSON: {error}; mend it and press Show again") from None
    if not isinstance(found, dict):
        raise InvalidInput("the data is no JSON object; write {…} with named values")
    return found


def changes(live: Sheet, edited: Sheet) -> list[tuple[str, str]]:
    """The lines in which the two differ: what they are (`-`, `+`, `@` or nothing), and the line."""
    before, after = _lines(live), _lines(edited)
    return [
        (line[:1].strip(), line[1:] if line[:1] != "@" else line)
        for line in list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    ]


def _lines(sheet: Sheet) -> list[str]:
    content = sheet.content
    if content is None:
        return [sheet.problem or ""]
    return [content.title, *content.text.splitlines(), *(content.html or "").splitlines()][:DIFF_LINES]


# ── What is edited, in the URL ───────────────────────────────────────────────────────────────────────────


def packed(page: Page, draft: Draft) -> str:
    """Raises `InvalidInput` for what no address can hold."""
    text = json.dumps({"data": draft.data, "texts": dict(draft.texts)}, ensure_ascii=False)
    body = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode().rstrip("=")
    if len(body) > PACKED:
        raise InvalidInput(
            f"what is edited takes {len(body):,} characters of an address, at most {PACKED:,}; shorten the data or edit one part at a time"
        )
    return page.service.sessions.sealed(page.request, "draft", body)


def unpacked(page: Page) -> Draft:
    """Raises `InvalidInput` for what was not packed here."""
    sealed = page.query.get("draft")
    if sealed is None:
        return NOTHING
    body = sealed.partition(".")[0]
    ours = page.service.sessions.unsealed(page.request, "draft", sealed) is not None
    try:
        found = json.loads(_inflated(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        data, texts = found["data"], found["texts"]
        whole = (data is None or isinstance(data, dict)) and isinstance(texts, dict)
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error, binascii.Error):
        whole = False
    if not whole:
        raise InvalidInput("the draft in this address is damaged; copy the whole address")
    return Draft(data=data, texts={str(name): str(text) for name, text in texts.items()}, ours=ours)


def _inflated(packed: bytes) -> bytes:
    """At most so much of it: little can be made of very much."""
    return zlib.decompressobj().decompress(packed, UNPACKED)


def _frame_url(page: Page, draft: str | None) -> str:
    names = ("type", "channel", "event", "locale", "reason", "severity", "recipient", "scheme")
    asked = {name: page.query.get(name) for name in names} | {"draft": draft}
    asked["type"] = _type(page)
    return page.url("/templates/mail", **{name: value for name, value in asked.items() if value is not None})
