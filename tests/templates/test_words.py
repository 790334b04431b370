from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from clarion.errors import ConfigError, InvalidInput
from clarion.templates import Renderer, words
from clarion.templates.said import REASONS, SEVERITIES
from clarion.templates.words import Languages

CATALOGUES = sorted(words.BUILT_IN.glob("*.po"))
Directory = Callable[[dict[str, str]], Path]


def messages(path: Path) -> dict[str, list[str]]:
    """What is translated, with all forms of it."""
    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            [message.string] if isinstance(message.string, str) else list(message.string or ())
        )
        for message in catalogue
        if message.id
    }


def used() -> set[str]:
    """Every message in the code and in the built-in templates."""
    found = extract_from_dir(
        words.BUILT_IN.parent,
        method_map=[("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")],
        keywords={"words": None, "_": None, "plural": (1, 2)},
    )
    texts = {entry[2] if isinstance(entry[2], str) else entry[2][0] for entry in found}
    return texts | set(REASONS.values()) | set(SEVERITIES.values())


def test_ten_languages() -> None:
    assert [path.stem for path in CATALOGUES] == [
        "ar",
        "de",
        "en",
        "es",
        "fr",
        "it",
        "ja",
        "nl",
        "pl",
        "pt_BR",
    ]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_every_message_is_translated_and_none_is_left_over(path: Path) -> None:
    translated = messages(path)
    assert set(translated) == used()
    assert all(text for forms in translated.values() for text in forms)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_translations_have_the_placeholders_of_their_source(path: Path) -> None:
    for source, forms in messages(path).items():
        for form in forms:
            assert words.placeholders(form) == words.placeholders(source), (source, form)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_no_two_reasons_read_the_same(path: Path) -> None:
    translated = messages(path)
    sentences = [translated[text][0] for text in REASONS.values()]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (("pt_BR",), "pt-BR"),
        (("de_DE.UTF-8",), "de-DE"),
        (("ca_ES@valencia",), "ca-ES"),
        (("zh-tw",), "zh-Hant-TW"),
        ((None, "", "klingon!", "xx", "fr"), "fr"),
        (("fi", "de"), "fi"),
        (("../../etc", "a" * 5000, "-", "_", "C"), "en"),
        ((), "en"),
    ],
)
def test_the_first_locale_that_exists_is_taken(wanted: tuple[str | None, ...], found: str) -> None:
    assert Renderer().locale(*wanted) == found


def test_the_default_locale_is_checked_and_used() -> None:
    assert Renderer(default_locale="de").locale("nonsense!") == "de"
    with pytest.raises(ConfigError, match="default_locale 'klingon'"):
        Renderer(default_locale="klingon")


@pytest.mark.parametrize(
    ("locale", "lang", "opened"),
    [
        ("de-AT", "de-AT", "Öffnen"),
        ("pt", "pt", "Abrir"),
        ("pt-PT", "pt-PT", "Abrir"),
        ("fi", "fr", "Ouvrir"),
        ("ar-EG", "ar-EG", "فتح"),
    ],
)
def test_a_language_without_words_falls_to_the_default_one(locale: str, lang: str, opened: str) -> None:
    found = Languages(Locale("fr")).words(Locale.parse(locale, sep="-"))
    assert (found.lang, found("Open")) == (lang, opened)


def test_plurals_follow_the_language() -> None:
    def say(locale: str, n: int) -> str:
        found = Languages(Locale("en")).words(Locale.parse(locale))
        return found.plural("{n} more character", "{n} more characters", n)

    assert [say("en", n) for n in (1, 2, 12345)] == [
        "1 more character",
        "2 more characters",
        "12,345 more characters",
    ]
    assert [say("pl", n) for n in (1, 2, 5)] == ["jeszcze 1 znak", "jeszcze 2 znaki", "jeszcze 5 znaków"]
    assert say("fr", 0) == "0 caractère de plus"
    assert say("ja", 3) == "あと 3 文字"
    assert [say("ar", n) for n in (5, 11, 100)] == ["بقيت 5 أحرف", "بقي 11 حرفًا", "بقي 100 حرف"]
    assert say("de", 12345) == "12.345 weitere Zeichen"
    assert say("fi", 2) == "2 more characters"


class Secretive:
    password = "hunter2"

    def __str__(self) -> str:
        return "a guest"


def test_a_message_is_filled_by_name() -> None:
    english = Languages(Locale("en")).words(Locale("en"))
    assert english("{who} of {{{n}}}", who=Secretive(), n=3) == "a guest of {3}"
    assert english.plural("{n} of {who}", "{n} of {who}", 1200, who="us") == "1,200 of us"
    assert english("nothing {to} fill") == "nothing {to} fill"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{who.password}", "more than a name in braces"),
        ("{who.__class__.__init__.__globals__}", "more than a name in braces"),
        ("{who[password]}", "more than a name in braces"),
        ("{who!r}", "more than a name in braces"),
        ("{who:>1000000000}", "more than a name in braces"),
        ("{who:{who.password}}", "more than a name in braces"),
        ("{0}", "more than a name in braces"),
        ("{}", "more than a name in braces"),
        ("{who", "cannot be filled: .*; write {{ for a brace"),
        ("{whom}", "asks for {whom}; there is n, who"),
        ("{__class__}", "asks for {__class__}; there is n, who"),
    ],
)
def test_a_message_reads_nothing_but_what_it_is_given(message: str, said: str) -> None:
    english = Languages(Locale("en")).words(Locale("en"))
    with pytest.raises(InvalidInput, match=said.replace("{", r"\{")) as alone:
        english(message, who=Secretive(), n=1)
    with pytest.raises(InvalidInput, match=said.replace("{", r"\{")):
        english.plural("{n}", message, 2, who=Secretive())
    assert "hunter2" not in str(alone.value)


def test_only_right_to_left_languages_run_so() -> None:
    known = Languages(Locale("en"))
    assert known.words(Locale("ar")).direction == "rtl"
    assert known.words(Locale("de")).direction == "ltr"


def test_times_are_written_for_their_reader() -> None:
    german = Languages(Locale("en")).words(Locale("de"))
    assert german.datetime("2026-11-20T10:00:00+00:00", "Europe/Berlin") == "20.11.2026, 11:00:00"


def test_an_application_adds_languages_and_words(directory: Directory) -> None:
    root = directory(
        {
            "locale/fi.po": 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Open"\nmsgstr "Avaa"\n',
            "locale/de.po": 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "Open"\nmsgstr "Zur Änderung"\n',
        }
    )
    languages = Languages(Locale("en"), root / "locale")
    assert languages.words(Locale("fi"))("Open") == "Avaa"
    assert languages.words(Locale("fi"))("Untitled") == "Untitled"
    assert languages.words(Locale("de"))("Open") == "Zur Änderung"
    assert languages.words(Locale("de"))("Untitled") == "Ohne Titel"


def test_english_never_falls_to_another_default(directory: Directory) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    root = directory({"locale/de.po": head + 'msgid "Merged"\nmsgstr "Eingespielt"\n'})
    languages = Languages(Locale("de"), root / "locale")
    assert languages.words(Locale.parse("en_GB"))("Merged") == "Merged"
    assert languages.words(Locale("fr"))("Merged") == "Eingespielt"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nolocale.po", "", "'nolocale' is no locale"),
        ("de.po", "msgid", "not a gettext catalogue"),
        (
            "de.po",
            'msgid "{a}"\nmsgstr "{b}"\n',
            "line 1: the translation of '{a}' has other placeholders: '{b}'",
        ),
        ("de.po", 'msgid "{a}"\nmsgstr "{a.__class__}"\n', "other placeholders"),
        ("de.po", 'msgid "{a}"\nmsgstr "{a"\n', "other placeholders"),
        ("de.po", 'msgid "{a}"\nmsgstr "{a:{a.__class__}}"\n', "other placeholders"),
        ("de.po", 'msgid "{a}"\nmsgstr "{a!r}"\n', "other placeholders"),
    ],
)
def test_a_bad_catalogue_names_itself(directory: Directory, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match="locale/.*" + said.replace("{", r"\{").replace(".__", r"\.__")):
        Renderer(directory=directory({f"locale/{name}": text}))
