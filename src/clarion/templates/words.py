"""The recipient's language: locales, and gettext catalogues with the application's laid over the built-in ones."""

from __future__ import annotations

import gettext
import io
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import format_decimal

from clarion.errors import ConfigError, InvalidInput, shown

BUILT_IN = Path(__file__).with_name("locale")
SOURCE = Locale("en")
_TAG_LIMIT = 40

Catalogues = dict[str, bytes]  # by language tag, compiled


@lru_cache(maxsize=1024)
def parse(tag: str) -> Locale | None:
    """The locale that `pt-BR`, `pt_BR` or `pt_BR.UTF-8` names; `None` when CLDR knows none of that name."""
    name = tag[:_TAG_LIMIT].strip().partition(".")[0].partition("@")[0].replace("_", "-")
    try:
        return Locale.parse(name, sep="-") if name else None
    except (ValueError, UnknownLocaleError):
        return None


def tag(locale: Locale) -> str:
    """The language tag of BCP 47, as in `lang` and Content-Language."""
    return str(locale).partition("@")[0].replace("_", "-")


def widening(locale: Locale) -> tuple[str, ...]:
    """The tags to look for, the closest first: `zh-Hant-TW`, `zh-TW`, `zh-Hant`, `zh`."""
    language, script, territory = locale.language, locale.script, locale.territory
    steps = [(language, script, territory), (language, territory), (language, script), (language,)]
    return tuple(dict.fromkeys([tag(locale), *("-".join(filter(None, step)) for step in steps)]))


class Words:
    """The words of one language. Called with an English message, it answers in that language."""

    def __init__(self, locale: Locale, translations: gettext.NullTranslations) -> None:
        self.locale = locale
        self._translations = translations

    @property
    def lang(self) -> str:
        return tag(self.locale)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.locale.text_direction

    def __call__(self, message: str, /, **values: object) -> str:
        """The translation, its `{placeholders}` filled."""
        text = self._translations.gettext(message) if message else ""
        return fill(text, values) if values else text

    def plural(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The translation in the form that the language has for `n`, which is `{n}` in the message."""
        return fill(self._translations.ngettext(one, many, n), {**values, "n": self.number(n)})

    def number(self, n: float) -> str:
        return format_decimal(n, locale=self.locale)

    def datetime(self, at: datetime | str, time_zone: str, form: str = "medium") -> str:
        """An instant, or its ISO 8601 text from an event's data, as its reader writes it."""
        instant = datetime.fromisoformat(at) if isinstance(at, str) else at
        return format_datetime(instant, form, tzinfo=ZoneInfo(time_zone), locale=self.locale)


class Languages:
    """All catalogues: the built-in ones, and `<directory>/*.po` of the application over them."""

    def __init__(self, default: Locale, directory: Path | None = None) -> None:
        self._default = default
        self._own = read(directory) if directory is not None and directory.is_dir() else {}
        self._words: dict[Locale, Words] = {}

    def words(self, locale: Locale) -> Words:
        """The words for `locale`; in its language of another country rather than in the default one."""
        if locale not in self._words:
            self._words[locale] = self._load(locale)
        return self._words[locale]

    def _load(self, locale: Locale) -> Words:
        found = self._nearest(locale) or self._nearest(self._default) or tag(SOURCE)
        spoken = parse(found) or SOURCE
        names = [found, spoken.language]
        if spoken.language != SOURCE.language:  # what has no English translation is English already
            names.append(self._nearest(self._default) or found)
        chain: gettext.NullTranslations | None = None
        for name in dict.fromkeys(names):
            for catalogues in (self._own, _built_in()):
                if name in catalogues:
                    translations = gettext.GNUTranslations(io.BytesIO(catalogues[name]))
                    if chain is None:
                        chain = translations
                    else:
                        chain.add_fallback(translations)
        # Same language: keep the reader's own country, for its numbers and dates.
        closest = locale if locale.language == spoken.language else spoken
        return Words(closest, chain or gettext.NullTranslations())

    def _nearest(self, locale: Locale) -> str | None:
        known = sorted({*self._own, *_built_in()})
        same = (name for name in known if name.partition("-")[0] == locale.language)
        return next((name for name in widening(locale) if name in known), next(same, None))


@cache
def _built_in() -> Catalogues:
    return read(BUILT_IN)


def read(directory: Path) -> Catalogues:
    """The catalogues of a folder, `<locale>.po` each; raises `ConfigError` naming file and line."""
    catalogues = {}
    for path in sorted(directory.glob("*.po")):
        locale = parse(path.stem)
        if locale is None:
            raise ConfigError(f"{path}: {path.stem!r} is no locale; name it like de.po or pt_BR.po")
        catalogues[tag(locale)] = _compile(path, locale)
    return catalogues


def _compile(path: Path, locale: Locale) -> bytes:
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, locale=locale, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: not a gettext catalogue: {error}") from error
    for message in catalogue:
        sources = [placeholders(text) for text in _forms(message.id)]
        for text in _forms(message.string) if message.id and None not in sources else ():
            names = placeholders(text)
            if names is None or not any(names <= source for source in sources if source is not None):
                raise ConfigError(
                    f"{path}, line {message.lineno}: the translation of {_forms(message.id)[0]!r} has other placeholders: {text!r}"
                )
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def _forms(text: str | Sequence[str] | None) -> list[str]:
    """One text, one for each plural form, or none."""
    return [text] if isinstance(text, str) else list(text or ())


def placeholders(message: str) -> set[str] | None:
    """The names in `{braces}`; `None` for text that is no message with names."""
    try:
        return {name for _, name in _pieces(message) if name is not None}
    except InvalidInput:
        return None


def fill(message: str, values: Mapping[str, object]) -> str:
    """The message with a value for each of its `{names}`. Raises `InvalidInput`.

    Only names: `str.format` would read attributes of what it is given, too, and whoever writes templates or
    translations may not be trusted with them.
    """
    written: list[str] = []
    for text, name in _pieces(message):
        written.append(text)
        if name is None:
            continue
        if name not in values:
            raise InvalidInput(f"{shown(message)} asks for {{{name}}}; there is {', '.join(sorted(values))}")
        written.append(f"{values[name]}")
    return "".join(written)


@lru_cache(maxsize=4096)
def _pieces(message: str) -> tuple[tuple[str, str | None], ...]:
    """Its texts, each with the name that stands behind it. Raises `InvalidInput`."""
    try:
        found = tuple(string.Formatter().parse(message))
    except ValueError as error:
        raise InvalidInput(f"{shown(message)} cannot be filled: {error}; write {{{{ for a brace") from error
    for _, name, form, conversion in found:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise InvalidInput(f"{shown(message)} has more than a name in braces: write {{name}}, no more")
    return tuple((text, name) for text, name, _, _ in found)
