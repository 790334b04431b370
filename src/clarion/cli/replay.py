"""`clarion replay`: try again what has failed, by id, by filter or by time; what it would do is shown first."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from clarion.cli.author import ByOption, author
from clarion.cli.completing import a_channel, a_recipient, a_type
from clarion.cli.ending import FAILED, misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.cli.progress import progress, wanted
from clarion.cli.times import past_instant
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clarion.app import Clarion
    from clarion.store.ended import Alike, Replay

EXAMPLE = (
    "Examples: clarion replay --channel email --code connect --since 2h --dry-run · "
    "clarion replay 0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d --database sqlite:///app.db"
)

_TIME = "A time with its offset, or how long ago: 2025-06-01T10:00:00Z, 90m, 2h, 3d."

Ids = Annotated[
    list[str], typer.Argument(metavar="IDS", help="Deliveries by id, as `clarion explain` shows them.")
]
States = Annotated[
    list[str],
    typer.Option("--state", metavar="STATE", help="failed, suppressed or cancelled; may be repeated."),
]


def replay(
    context: typer.Context,
    ids: Ids = [],  # noqa: B006 - Typer copies it
    event: Annotated[str | None, typer.Option(metavar="ID|KEY", help="Of this event.")] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="On this channel.", autocompletion=a_channel)
    ] = None,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Of events of this type.", autocompletion=a_type)
    ] = None,
    recipient: Annotated[
        str | None, typer.Option(metavar="ID", help="To this recipient.", autocompletion=a_recipient)
    ] = None,
    code: Annotated[
        str | None, typer.Option(metavar="CODE", help="Whose last outcome had this code.")
    ] = None,
    state: States = ["failed"],  # noqa: B006
    since: Annotated[str | None, typer.Option(metavar="TIME", help=f"Ended since then. {_TIME}")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Ended before then.")] = None,
    past_max_age: Annotated[
        bool,
        typer.Option("--past-max-age", help="Also what is older than its type's max_age, which counts anew."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put failed deliveries back into the queue. Each stays the same message, with all its attempts again.

    Shows first what would be done, and asks.

    Exit codes: 0 done, or nothing to do; 1 declined, or some of the IDS stay as they are; 2 wrong usage.
    """
    chosen: dict[str, Any] = {
        "deliveries": [_id(id) for id in ids] or None,
        "channel": channel,
        "type": type,
        "recipient": recipient,
        "code": code,
        "state": state,
        "since": past_instant("--since", since),
        "until": past_instant("--until", until),
        "past_max_age": past_max_age,
        "tenant": tenant,
    }
    if not ids and event is None and not any((channel, type, recipient, code, since, until)):
        misused("which deliveries? name their IDS, or say --event, --channel, --since, …")
    found = find_existing(context, app, database)
    chosen["event"] = _event(found, tenant, event)
    would = found.replay(**chosen, dry_run=True)
    if not would.groups:
        _check_names(found, type, channel)
    if not as_json:
        console().print(*preview(would), sep="\n")
    if would.ready and not dry_run:
        if not yes:
            _confirm(would, as_json=as_json)
        seen = would.at + timedelta(microseconds=1)  # not what has failed while it was read
        chosen["until"] = min(seen, chosen["until"] or seen)
        with progress("put back", would.ready, shown=wanted(as_json=as_json)) as tell:
            would = found.replay(**chosen, by=author(by, "replay"), progress=tell)
    found.close()
    _end(would, dry_run=dry_run, as_json=as_json, all_of_them=bool(ids))


def _check_names(found: Clarion, type: str | None, channel: str | None) -> None:
    """Where nothing was found: whether there could be something. Raises `UnknownName`."""
    from clarion.errors import UnknownName
    from clarion.store import registry

    types = found.known_types()
    channels = found.database.read(registry.channels) | set(found.channels)
    channels |= {name for one in types.values() for name in one.type.channels}
    if type is not None and type not in types:
        raise UnknownName("event type", type, types)
    if channel is not None and channel not in channels:
        raise UnknownName("channel", channel, channels)


def _end(would: Replay, *, dry_run: bool, as_json: bool, all_of_them: bool) -> None:
    if as_json:
        print_json(replay_json(would))
    elif would.ready and not dry_run:
        console().print(f"{would.replayed} put back into the queue.")
    short = would.missing or would.ready < sum(group.deliveries for group in would.groups)
    if all_of_them and short:
        raise typer.Exit(FAILED)


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        misused(f"{given!r} is no id of a delivery; `clarion explain EVENT RECIPIENT` shows them")


def _event(found: Clarion, tenant: str, named: str | None) -> UUID | str | None:
    """The id where there is such an event, else what must be a key."""
    if named is None:
        return None
    from clarion.store import records

    try:
        id = UUID(named)
    except ValueError:
        return named
    return id if found.database.read(lambda conn: records.event(conn, tenant, id)) else named


def _confirm(would: Replay, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        misused("nobody is there to be asked; pass --yes, or --dry-run to look only")
    typer.confirm(f"Put {would.ready} back into the queue?", abort=True, err=True)


# ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────


def preview(would: Replay) -> list[RenderableType]:
    """A row for each group that ended alike, then what cannot be put back and why."""
    from clarion.selection import REFUSALS

    parts: list[RenderableType] = []
    if would.groups:
        rows = table("", "channel", "code", "deliveries", "for example")
        for group in would.groups:
            rows.add_row(
                _mark(group),
                plain(group.channel),
                plain(group.code or ""),
                str(group.deliveries),
                _example(group),
            )
        parts.append(rows)
    parts.append(
        f"{would.ready} can be put back." if would.groups else "Nothing of that kind: nothing to replay."
    )
    parts += [f"{number} stay as they are: {REFUSALS[why]}." for why, number in would.refused.items()]
    if would.missing:
        ids = ", ".join(map(str, would.missing[:5])) + (", …" if len(would.missing) > 5 else "")
        parts.append(f"{len(would.missing)} are not here, or in another state: {ids}")
    return parts


def _mark(group: Alike) -> RenderableType:
    from rich.text import Text

    return (
        Text(f"✓ {group.state}", style="green")
        if group.refused is None
        else Text(f"✗ {group.refused}", style="yellow")
    )


def _example(group: Alike) -> str:
    newest = group.sample[0]
    return f"{newest.id}\n{plain(newest.type)} to {plain(newest.recipient)}, {instant(newest.at)}"


def replay_json(would: Replay) -> dict[str, Any]:
    return {
        "ready": would.ready,
        "replayed": would.replayed,
        "refused": would.refused,
        "missing": list(would.missing),
        "at": would.at,
        "groups": [asdict(group) for group in would.groups],
    }
