"""Settings as an annotated `clarion.toml`: where nothing is said, an example with every default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from clarion.settings.declared import BY_KEY, TABLES
from clarion.settings.setting import InForce, Layer, Origin, Setting, Settings

_WIDTH = 100
_HEAD = """\
Settings of Clarion: `clarion.toml` in the working directory, or what --config or CLARION_CONFIG names. A flag counts \
before the variable of the environment that is named here, that before this file. Lengths of time are written 30d, 12h, \
5m, 30s or 100ms. A secret may be in a file of its own: database_file = "/run/secrets/database", or \
CLARION_DATABASE_FILE. What is commented out has its default, or is an example of what is not set."""


def example() -> str:
    """What could be said, and what holds where nothing is."""
    default = Origin(layer=Layer.DEFAULT)
    values = {key: InForce(setting=one, value=one.default, origin=default) for key, one in BY_KEY.items()}
    return toml(Settings(None, values))


def toml(settings: Settings) -> str:
    """These, with where each came from; TOML that is read as the same, but for secrets that are not shown."""
    lines = list(_comment(_HEAD))
    for table, ones in groupby(settings, key=lambda one: one.setting.table):
        lines += _header(table)
        for one in ones:
            lines += ["", *_comment(described(one.setting)), _line(one)]
    return "\n".join(lines) + "\n"


def described(setting: Setting) -> str:
    """What it is for, and where else it can be said."""
    return f"{setting.says} {', '.join(places(setting))}."


def places(setting: Setting) -> tuple[str, ...]:
    return setting.variables + ((setting.flag,) if setting.flag else ())


def origin(one: InForce) -> str:
    return f"{one.origin}; set aside, the application brings its own" if one.aside else str(one.origin)


def _header(table: str) -> list[str]:
    if not table:
        return []
    return ["", *_comment(TABLES[table]), f"[{table}]"] if table in TABLES else ["", f"[{table}]"]


def _line(one: InForce) -> str:
    setting, written = one.setting, one.setting.kind.write
    if not one.said:
        if setting.default is None:
            return f"# {setting.name} = {written(setting.example)}  # not set"
        return f"# {setting.name} = {one.shown}"
    if one.aside:
        return f"# {setting.name}: {_one_line(origin(one))}"
    if one.origin.held_in is not None:
        return f"{setting.name}_file = {written(one.origin.held_in)}  # {one.shown}, from {_one_line(one.origin.name)}"
    if setting.secret and one.shown != written(one.value):
        return f"# {setting.name} = {one.shown}  # from {_one_line(one.origin.name)}; the secret is not shown"
    return f"{setting.name} = {one.shown}  # from {_one_line(one.origin.name)}"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _comment(text: str) -> Iterator[str]:
    return (
        f"# {line}"
        for line in textwrap.wrap(text, _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    )
