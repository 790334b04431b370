"""Turns an event into the words for a channel, a language, a reason and a severity."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from clarion.errors import ConfigError
from clarion.event import Event
from clarion.event_type import EventType
from clarion.message import Content
from clarion.recipient import Recipient
from clarion.severity import Severity
from clarion.templates import links
from clarion.templates import words as languages
from clarion.templates.library import PARTS, WORDS_FOLDER, Library, Source, Template, write
from clarion.templates.plain import clean, one_line
from clarion.templates.said import excerpt, say

KEPT_CONTENTS = 512

Key = tuple[UUID, str, str, str, Severity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The templates for one event type on one channel in one language."""

    subject: Template | None
    text: Template | None
    html: Template | None
    plain: Template | None
    personal: bool  # one of them reads `recipient`


class Renderer:
    """Built once, used from any thread. Equal questions get the same `Content` object, so what a channel
    makes of it can be kept by identity; only templates that read `recipient` are written for each one."""

    def __init__(
        self,
        *,
        app_name: str = "Clarion",
        base_url: str | None = None,
        directory: Path | str | None = None,
        default_locale: str = "en",
        edited: Mapping[str, str] | None = None,
    ) -> None:
        """Loads and checks all templates and catalogues; raises `ConfigError`.

        `edited`: texts that stand for files, or beside them, by name: `cl.comment.created/email.text.j2`.
        """
        default = languages.parse(default_locale)
        if default is None:
            raise ConfigError(f"default_locale {default_locale!r} is no locale; name it like 'en' or 'pt-BR'")
        folder = None if directory is None else Path(directory)
        self._app_name = one_line(app_name) or "Clarion"
        self._base_url = links.base(base_url)
        self._default = default
        self._folder = folder
        self._library = Library(folder, edited or {})
        self._languages = languages.Languages(default, folder and folder / WORDS_FOLDER)
        self._parts = lru_cache(maxsize=1024)(self._find_parts)
        self._tag = lru_cache(maxsize=1024)(self._find_tag)
        self._link = lru_cache(maxsize=1024)(partial(links.join, self._base_url))
        self._kept: OrderedDict[Key, Content] = OrderedDict()
        self._lock = threading.Lock()

    def render(
        self,
        event: Event,
        type: EventType,
        *,
        channel: str,
        reason: str,
        locale: str,
        severity: Severity,
        recipient: Recipient | None = None,
    ) -> Content:
        """The words for one recipient; raises `InvalidInput` when an application's template fails on this event.

        `recipient` is what templates that read it need; all others never see it.
        """
        tag = self.locale(locale)
        parts = self._parts(type.code, channel, tag)
        if parts.personal:
            values = self._values(event, type, reason, tag, severity)
            return _write(parts, type, values if recipient is None else values | {"recipient": recipient})
        key = (event.id, channel, tag, reason, severity)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        content = _write(parts, type, self._values(event, type, reason, tag, severity))
        with self._lock:
            content = self._kept.setdefault(key, content)
            if len(self._kept) > KEPT_CONTENTS:
                self._kept.popitem(last=False)
        return content

    def personal(self, type: EventType, *, channel: str, locale: str) -> bool:
        """Whether each recipient is written to in words of their own."""
        return self._parts(type.code, channel, self.locale(locale)).personal

    def url(self, event: Event) -> str | None:
        """Where the event leads: http, https, or a path while there is no `base_url`; else `None`."""
        return self._link(event.url)

    def locale(self, *wanted: str | None) -> str:
        """The tag of the first of `wanted` that names a locale, else of the default one."""
        return self._tag(wanted)

    def check(self, types: Iterable[EventType], channels: Collection[str] | None = None) -> list[str]:
        """A sentence for each template that none of these types (and channels) will ever use."""
        return self._library.check({type.code for type in types}, channels)

    @property
    def options(self) -> dict[str, Any]:
        """What makes another like it, in another process."""
        return {
            "app_name": self._app_name,
            "base_url": self._base_url,
            "directory": None if self._folder is None else str(self._folder.resolve()),
            "default_locale": languages.tag(self._default),
        }

    def sources(self, type: str, channel: str, locale: str) -> dict[str, Source]:
        """What writes each part for this type, on this channel, in this locale."""
        parts = self._parts(type, channel, self.locale(locale))
        return {part: self._library.source(type, channel, part, getattr(parts, part)) for part in PARTS}

    def reads(self, type: str) -> list[str]:
        """The names in an event's data that the templates of this type ask for."""
        return self._library.reads(type)

    def _find_tag(self, wanted: tuple[str | None, ...]) -> str:
        found = (languages.parse(name) for name in wanted if name)
        return languages.tag(next((locale for locale in found if locale is not None), self._default))

    def _find_parts(self, type: str, channel: str, tag: str) -> Parts:
        locales = languages.widening(languages.parse(tag) or self._default)
        found = {part: self._library.find(type, channel, locales, part) for part in PARTS}
        personal = any(template is not None and template.personal for template in found.values())
        return Parts(**found, personal=personal)

    def _values(
        self, event: Event, type: EventType, reason: str, tag: str, severity: Severity
    ) -> dict[str, Any]:
        """What templates can read. `title` and `text` are the defaults, until the application's are written."""
        words = self._languages.words(languages.parse(tag) or self._default)
        said = say(event, type, reason, severity, words)
        url = self.url(event)
        return {
            "_": words,
            "ngettext": words.plural,
            "number": words.number,
            "datetime": words.datetime,
            "excerpt": partial(excerpt, words=words),
            "app": self._app_name,
            "event": event,
            "type": type,
            "data": event.data,
            "title": said.title,
            "text": said.text,
            "actor": said.actor,
            "subject": said.subject,
            "reason": reason,
            "because": said.because,
            "severity": severity.label,
            "severity_word": said.severity,
            "button": said.button,
            "link": url if url and links.is_web(url) else None,
            "locale": tag,
            "lang": words.lang,
            "dir": words.direction,
        }


def _write(parts: Parts, type: EventType, values: dict[str, Any]) -> Content:
    """Title and text first, because what frames them reads them."""
    if parts.subject is not None:
        values["title"] = one_line(write(parts.subject, type.code, values)) or values["title"]
    if parts.text is not None:
        values["text"] = clean(write(parts.text, type.code, values))
    return Content(
        title=values["title"],
        text=values["text"] if parts.plain is None else clean(write(parts.plain, type.code, values)),
        html=None if parts.html is None else write(parts.html, type.code, values),
    )
