"""`clarion preferences`: what a recipient said about being told, what follows from it, and how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from clarion.cli.completing import a_channel_or_inbox, a_recipient, a_type
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from clarion.configuration import Configuration, ForType, OnChannel
    from clarion.preference import Preference
    from clarion.quiet_hours import QuietHours
    from clarion.recipient import Recipient

EXAMPLE = "Example: clarion preferences bob --database sqlite:///app.db"

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The recipient's id.", autocompletion=a_recipient)
]

_FOR_GOOD = 9000  # a year from which on nobody waits for the end


class ShowsByDefault(TyperGroup):
    """`clarion preferences bob` is `clarion preferences show bob`: what is no command is the recipient's id."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The commands, and the recipients that may stand in their place."""
        id = self.commands["show"].params[0]
        return [*super().shell_complete(ctx, incomplete), *id.shell_complete(ctx, incomplete)]


def show(
    context: typer.Context,
    id: IdArgument,
    type: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="What follows for this type only.", autocompletion=a_type),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What follows on this channel only.", autocompletion=a_channel_or_inbox
        ),
    ] = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a recipient said, and what follows from it for each type on each channel, with who said so.

    Exit codes: 0 done, 1 refused (there is no such recipient, type or channel), 2 wrong usage.
    """
    from clarion.catalog import recipients_of
    from clarion.errors import UnknownName

    found = find_existing(context, app, database)
    people = recipients_of(found)
    said = people.said(id, tenant=tenant)
    found.close()
    if channel is not None and channel not in people.channels:
        raise UnknownName("channel", channel, people.channels)
    if type is not None and type not in (known := [one.type for one in said.types]):
        raise UnknownName("event type", type, known)
    types = [one for one in said.types if type in (None, one.type)]
    if as_json:
        print_json({**said_json(said), "types": [_for_type_json(one, channel) for one in types]})
    else:
        console().print(*_said(said), *_follows(types, channel), sep="\n")


# ── What was said ────────────────────────────────────────────────────────────────────────────────────────


def _said(said: Configuration) -> list[RenderableType]:
    from rich.text import Text

    person = said.recipient
    lines: list[RenderableType] = [Text(plain(f"{person.id} said"), style="bold")]
    about_all = {
        "global switch": "" if person.enabled else "off: only required types are told",
        "silent": silence(person) or "",
        "quiet hours": hours(person.quiet_hours) or "",
        "tags": ""
        if person.tags is None
        else f"include {_listed(person.tags.include)}, exclude {_listed(person.tags.exclude)}",
    }
    lines += [plain(f"{name}: {value}") for name, value in about_all.items() if value]
    if said.preferences:
        rows = table("of", "on", "said", "since")
        for row in said.preferences:
            rows.add_row(plain(row.scope), plain(row.channel), plain(_words(row)), instant(row.changed_at))
        lines.append(rows)
    if said.topics:
        rows = table("topic", "subscribed", "level", "muted")
        for topic in said.topics:
            subscribed = f"yes ({topic.reason or 'subscribed'})" if topic.subscribed else ""
            muted = "" if topic.muted_until is None else until(topic.muted_until)
            rows.add_row(plain(topic.topic), plain(subscribed), topic.level or "", muted)
        lines.append(rows)
    return lines if len(lines) > 1 else [plain(f"{person.id} said nothing.")]


def _words(row: Preference) -> str:
    said = [] if row.enabled is None else ["on" if row.enabled else "off"]
    said += [] if row.channels is None else [f"on {_listed(row.channels)}"]
    said += [] if row.min_severity is None else [f"from {row.min_severity.label} on"]
    said += [] if row.mode is None else [row.mode]
    return ", ".join(said)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def silence(person: Recipient) -> str | None:
    """`until …`, where a silence reigns."""
    from clarion import clock

    if person.silent_until is None or person.silent_until <= clock.now():
        return None
    return until(person.silent_until)


def hours(said: QuietHours | None) -> str | None:
    """`monday 22:00-07:00, …; urgent passes`."""
    from clarion import quiet_hours

    if said is None:
        return None
    written = quiet_hours.to_json(said)
    passes = written.pop("passes")
    return "; ".join([*(f"{day} {', '.join(spans)}" for day, spans in written.items()), f"{passes} passes"])


def until(at: Any) -> str:
    return "until resumed" if at.year >= _FOR_GOOD else f"until {instant(at)}"


# ── What follows ─────────────────────────────────────────────────────────────────────────────────────────


def _follows(types: list[ForType], channel: str | None) -> list[RenderableType]:
    from rich.text import Text

    if not types:
        return ["No event type is known, and so nothing follows."]
    rows = table("type", "channel", "", "says", "from", "says", "mode")
    for one in types:
        for on in one.channels:
            if channel in (None, on.channel):
                rows.add_row(plain(one.type), plain(on.channel), *_cell(one, on))
    return [Text("What follows", style="bold"), rows]


def _cell(one: ForType, on: OnChannel) -> tuple[RenderableType, str, str, str, str]:
    from rich.text import Text

    by = on.wanted_by if one.on else one.by
    if not (one.on and on.wanted):
        return Text("no", style="yellow"), plain(by), "", "", ""
    least = "" if on.min_severity is None else on.min_severity.label
    return Text("yes", style="green"), plain(by), least, plain(on.min_severity_by or ""), on.mode


# ── As JSON ──────────────────────────────────────────────────────────────────────────────────────────────


def said_json(said: Configuration) -> dict[str, Any]:
    """All that was said; what was not is null."""
    from clarion import quiet_hours, tag_filter

    person = said.recipient
    return {
        "id": person.id,
        "enabled": person.enabled,
        "silent_until": person.silent_until,
        "time_zone": person.time_zone,
        "quiet_hours": None if person.quiet_hours is None else quiet_hours.to_json(person.quiet_hours),
        "tags": None if person.tags is None else tag_filter.to_json(person.tags),
        "preferences": [
            {
                "scope": row.scope,
                "channel": row.channel,
                "enabled": row.enabled,
                "channels": row.channels,
                "min_severity": None if row.min_severity is None else row.min_severity.label,
                "mode": row.mode,
                "changed_at": row.changed_at,
            }
            for row in said.preferences
        ],
        "topics": [
            {
                "topic": one.topic,
                "subscribed": one.subscribed,
                "reason": one.reason,
                "level": one.level,
                "muted_until": one.muted_until,
            }
            for one in said.topics
        ],
    }


def _for_type_json(one: ForType, channel: str | None) -> dict[str, Any]:
    return {
        "type": one.type,
        "required": one.required,
        "on": one.on,
        "by": one.by,
        "channels": [
            {
                "channel": on.channel,
                "wanted": one.on and on.wanted,
                "by": on.wanted_by if one.on else one.by,
                "min_severity": None if on.min_severity is None else on.min_severity.label,
                "min_severity_by": on.min_severity_by,
                "mode": on.mode,
            }
            for on in one.channels
            if channel in (None, on.channel)
        ],
    }
