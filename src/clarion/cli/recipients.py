"""`clarion recipients` and `recipients show`: who there is, and where they are reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.completing import a_recipient
from clarion.cli.ending import fail, refuse_options
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
    from rich.console import RenderableType

    from clarion.configuration import Configuration
    from clarion.store.directory import Listed

EXAMPLE = "Example: clarion recipients --search bob --role admin --database sqlite:///app.db"
SHOW_EXAMPLE = "Example: clarion recipients show bob --database sqlite:///app.db"

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The recipient's id.", autocompletion=a_recipient)
]


def recipients(
    context: typer.Context,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Whose id, name or an address begins so, whatever the case."),
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only those who are, or who are not.")
    ] = None,
    role: Annotated[str | None, typer.Option(metavar="NAME", help="Who have this role.")] = None,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those behind this one.")] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List recipients by id, with their addresses and roles; or show, write, import and deactivate them.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    if context.invoked_subcommand is not None:
        refuse_options(context)
        return
    found = find_existing(context, app, database)
    listed = found.recipients.find(
        search, active=active, role=role, after=after, most=most + 1, tenant=tenant
    )
    found.close()
    listed, more = listed[:most], len(listed) > most
    if as_json:
        print_json({"recipients": [asdict(one) for one in listed], "more": more})
        return
    if listed:
        console().print(_table(listed))
    else:
        console().print("There is no such recipient.")
    if more:
        console().print(f"There are more: --after '{plain(listed[-1].id)}'", soft_wrap=True)


def _table(listed: list[Listed]) -> RenderableType:
    rows = table("id", "name", "addresses", "roles", "")
    for one in listed:
        where = [f"{a.channel} {a.value}{'' if a.gone_at is None else ' (dead)'}" for a in one.addresses]
        rows.add_row(
            plain(one.id),
            plain(one.name or ""),
            "\n".join(map(plain, where)),
            plain(", ".join(one.roles)),
            "" if one.active else "inactive",
        )
    return rows


# ── One of them ──────────────────────────────────────────────────────────────────────────────────────────


def show(
    context: typer.Context,
    id: IdArgument,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one recipient: addresses with their health, roles, and in short what they said about being told.

    Exit codes: 0 done, 1 refused (there is no such recipient), 2 wrong usage.
    """
    from clarion.catalog import recipients_of

    found = find_existing(context, app, database)
    people = recipients_of(found)
    said = people.said(id, tenant=tenant)
    one = people.get(id, tenant=tenant)
    found.close()
    if one is None:
        fail(f"{id!r} is gone meanwhile")
    if as_json:
        print_json({**asdict(one), "said": _in_short(said)})
    else:
        console().print(*_in_detail(one, said), sep="\n", soft_wrap=True)


def _in_detail(one: Listed, said: Configuration) -> list[RenderableType]:
    from rich.text import Text

    seen = f", last there {instant(one.last_active_at)}" if one.last_active_at is not None else ""
    lines: list[RenderableType] = [
        Text(plain(f"{one.id}  {one.name or ''}").rstrip(), style="bold cyan"),
        plain(f"{'active' if one.active else 'inactive: nothing reaches them'}{seen}"),
        plain(f"locale {one.locale or 'unsaid'}, time zone {one.time_zone}"),
        plain(f"roles: {', '.join(one.roles) or 'none'}"),
    ]
    if one.addresses:
        rows = table("channel", "address", "", "id")
        for a in one.addresses:
            dead = "" if a.gone_at is None else f"dead since {instant(a.gone_at)}: {a.gone_reason or ''}"
            rows.add_row(plain(a.channel), plain(a.value), plain(dead), str(a.id))
        lines.append(rows)
    else:
        lines.append("no address: only the inbox reaches them")
    short = _in_short(said)
    lines += [f"{name.replace('_', ' ')}: {plain(value)}" for name, value in short.items() if value]
    return [*lines, plain(f"clarion preferences {one.id} shows all of it, and what follows.")]


def _in_short(said: Configuration) -> dict[str, Any]:
    """Of the configuration, how much there is of each."""
    from clarion import clock
    from clarion.cli.preferences import hours, silence

    about = Counter(row.scope.partition(":")[0] for row in said.preferences)
    muted = [t.topic for t in said.topics if t.muted_until is not None and t.muted_until > clock.now()]
    return {
        "global_switch": None if said.recipient.enabled else "off: only required types are told",
        "silent": silence(said.recipient),
        "quiet_hours": hours(said.recipient.quiet_hours),
        "said_of_types": about["type"],
        "said_of_categories": about["category"],
        "said_of_everything": about["*"],
        "topics": len(said.topics),
        "muted": len(muted),
    }
