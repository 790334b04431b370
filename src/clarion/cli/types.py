"""`clarion types`: which event types there are, and what each of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.completing import a_type
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TypesOption,
    make_existing,
    settings_of,
    which,
)
from clarion.cli.printing import console, instant, plain, print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from clarion.catalog import Known

EXAMPLE = "Examples: clarion types --app shop.main:clarion · clarion types cl.merged --json"


def types(
    context: typer.Context,
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="All about this one.", autocompletion=a_type),
    ] = None,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the event types: those that the application declares, and those that are stored in the database.

    With a CODE: its channels, since when each is enabled, and its policy in words.

    Exit codes: 0 done, 1 refused (there is no such type), 2 wrong usage.
    """
    found = make_existing(settings_of(context, which(app, database, types)))
    known = found.known_types() if code is None else {code: found.known_type(code)}
    found.close()
    if as_json and code is None:
        print_json({"types": [type_json(one) for one in known.values()]})
    elif as_json and code is not None:
        print_json(type_json(known[code]))
    elif code is not None:
        console().print(*in_detail(known[code]), sep="\n", soft_wrap=True)
    elif known:
        console().print(*overview(known.values()), sep="\n")
    else:
        console().print("No event type is declared here, and none is stored yet.")


def overview(known: Iterable[Known]) -> list[RenderableType]:
    """A row for each type."""
    known = list(known)
    rows = table("type", "category", "severity", "channels", "", "known")
    for one in known:
        rows.add_row(
            plain(one.type.code),
            plain(one.type.category),
            one.type.severity.label,
            plain(", ".join(one.type.channels)),
            "required" if one.type.required else "" if one.type.enabled else "off",
            _where(one),
        )
    if all(one.declared and one.stored is not None for one in known):
        rows.columns.pop()
    return [rows, "clarion types CODE says more about one of them."]


def _where(one: Known) -> str:
    if one.stored is None:
        return "declared here, not stored yet"
    if not one.declared:
        return "stored, not declared here"
    return f"stored otherwise: {', '.join(one.differs)}" if one.differs else "declared and stored"


def in_detail(one: Known) -> list[RenderableType]:
    """All about one type."""
    from rich.text import Text

    from clarion import policy_words

    type = one.type
    lines: list[RenderableType] = [
        Text(plain(type.code), style="bold cyan"),
        f"{plain(type.title)}. Category {plain(type.category)}, severity {type.severity.label}.",
        f"Goes out on: {plain(', '.join(type.channels)) or 'no channel, unless somebody asks for one'}.",
        f"Audience: {_audience(one)}.",
        f"It is {_where(one)}.",
        *(f"· {sentence}" for sentence in policy_words.sentences(type)),
    ]
    if one.stored is not None:
        lines.append(
            f"Declared since {instant(one.stored.declared_at)}, last by version {one.stored.version} of the "
            f"application, {instant(one.stored.updated_at)}."
        )
        rows = table("channel", "enabled since")
        for channel, since in sorted(one.stored.enabled_since.items()):
            rows.add_row(plain(channel), instant(since))
        lines.append(rows)
    return lines


def _audience(one: Known) -> str:
    whom = "whom the event names, and whom the application finds" if one.resolver else "whom the event names"
    return f"{whom}; of them those whom the application lets know" if one.access else whom


def type_json(one: Known) -> dict[str, Any]:
    from clarion import policy_words

    type, stored = one.type, one.stored
    return {
        "code": type.code,
        "category": type.category,
        "description": type.description,
        "severity": type.severity.label,
        "channels": list(type.channels),
        "required": type.required,
        "enabled": type.enabled,
        "resolver": one.resolver,
        "access": one.access,
        "policy": policy_words.sentences(type),
        "declared": one.declared,
        "stored": stored is not None,
        "differs": list(one.differs),
        "version": None if stored is None else stored.version,
        "declared_at": None if stored is None else stored.declared_at,
        "updated_at": None if stored is None else stored.updated_at,
        "enabled_since": {} if stored is None else dict(sorted(stored.enabled_since.items())),
    }
