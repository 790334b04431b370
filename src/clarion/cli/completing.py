"""What a shell offers for an argument: names out of the file of types, or out of the database. Never an error.

Where the application is only known by `--app`, nothing is offered: to load it would take seconds, and run its code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clarion.api_key import SCOPES
from clarion.event import DEFAULT_TENANT
from clarion.question import INBOX
from clarion.settings.reading import read
from clarion.severity import Severity

if TYPE_CHECKING:
    from clarion.settings.setting import Settings
    from clarion.store.database import Database

_MOST = 50


def a_type(ctx: typer.Context, incomplete: str) -> list[str]:
    """The code of an event type."""
    return _beginning(_names(ctx)[0], incomplete)


def a_channel(ctx: typer.Context, incomplete: str) -> list[str]:
    """One that is sent on."""
    return _beginning(_names(ctx)[1] - {INBOX}, incomplete)


def a_channel_or_inbox(ctx: typer.Context, incomplete: str) -> list[str]:
    return _beginning(_names(ctx)[1], incomplete)


def a_channel_equals(ctx: typer.Context, incomplete: str) -> list[str]:
    """`email=`, before an address."""
    return _beginning((f"{name}=" for name in _names(ctx)[1] - {INBOX}), incomplete)


def a_scope(ctx: typer.Context, incomplete: str) -> list[str]:
    """`type:…`, `category:…` or `*`."""
    types, _, categories = _names(ctx)
    return _beginning(
        ["*", *(f"type:{name}" for name in types), *(f"category:{name}" for name in categories)], incomplete
    )


def a_severity(incomplete: str) -> list[str]:
    return [one.label for one in Severity if one.label.startswith(incomplete)]


def a_scope_of_keys(incomplete: str) -> list[str]:
    """What a key of the HTTP API may be for."""
    return _beginning(SCOPES, incomplete)


def a_recipient(ctx: typer.Context, incomplete: str) -> list[str]:
    """The first ids that begin so."""
    from clarion.store import directory

    with suppress(Exception):
        found = _database(ctx)
        if found is not None:
            tenant = ctx.params.get("tenant") or DEFAULT_TENANT
            listed = found.read(lambda conn: directory.read(conn, tenant, search=incomplete, most=_MOST))
            return _beginning((one.id for one in listed), incomplete)
    return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def _names(ctx: typer.Context) -> tuple[set[str], set[str], set[str]]:
    """Types, channels and categories."""
    types: set[str] = set()
    channels = {INBOX}
    categories: set[str] = set()
    with suppress(Exception):
        for code, category, names in (*_declared(ctx), *_stored(ctx)):
            types.add(code)
            categories.add(category)
            channels |= names
    return types, channels, categories


_Names = tuple[str, str, set[str]]  # a type's code, its category, and channels


def _declared(ctx: typer.Context) -> Iterator[_Names]:
    """Of the types in a file, whose functions are not loaded."""
    file = _settings(ctx)["types"]
    if file is not None:
        for code, one in tomllib.loads(Path(file).read_text(encoding="utf-8"))["types"].items():
            yield code, one.get("category", "general"), set(one.get("channels", ()))


def _stored(ctx: typer.Context) -> Iterator[_Names]:
    from clarion.store import stored_types

    found = _database(ctx)
    if found is not None:
        for code, one in found.read(stored_types.read).items():
            yield code, one.type.category, {*one.type.channels, *one.enabled_since}


def _database(ctx: typer.Context) -> Database | None:
    """Of SQLite, only a file that is there: to open another would make one."""
    from clarion.store.database import Database

    url = _settings(ctx)["database"]
    found = None if url is None else Database(url)
    if found is None or found.url.get_backend_name() != "sqlite" or Path(found.url.database or "").is_file():
        return found
    return None


def _settings(ctx: typer.Context) -> Settings:
    given = {name: ctx.params.get(name) for name in ("app", "database", "types")}
    return read(given, config=ctx.params.get("config"))
