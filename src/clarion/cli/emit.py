"""`clarion emit`: emit one event in a transaction of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from clarion.cli.completing import a_channel_or_inbox, a_severity, a_type
from clarion.cli.ending import misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    SenderOption,
    SmtpOption,
    TenantOption,
    TypesOption,
    find,
)
from clarion.cli.printing import console, print_json
from clarion.cli.times import instant
from clarion.event import DEFAULT_TENANT, EventFields

EXAMPLE = (
    "Example: clarion emit cl.merged --actor alice --subject cl/42 --to author=bob --to carol "
    '--data \'{"title": "Merged"}\''
)

To = Annotated[
    list[str], typer.Option("--to", metavar="[REASON=]ID", help="Whom to tell, and why. May be repeated.")
]
Tags = Annotated[list[str], typer.Option("--tag", metavar="TAG", help="May be repeated.")]
Channels = Annotated[
    list[str],
    typer.Option(
        "--channel",
        metavar="NAME",
        help="On these channels only. May be repeated.",
        autocompletion=a_channel_or_inbox,
    ),
]
Data = Annotated[str | None, typer.Option("--data", metavar="JSON|@FILE|-", help="An object; - reads stdin.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="When it is due: 2025-06-01T10:00:00+02:00")
]
Expires = Annotated[
    str | None, typer.Option("--expires-at", metavar="TIME", help="When nobody need know any more.")
]


def emit(
    context: typer.Context,
    type: Annotated[
        str, typer.Argument(metavar="TYPE", help="A declared event type.", autocompletion=a_type)
    ],
    to: To = [],  # noqa: B006 - Typer copies it
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Who did it.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="What it is about: cl/42")] = None,
    thread: Annotated[str | None, typer.Option(metavar="NAME", help="The conversation in it.")] = None,
    topic: Annotated[str | None, typer.Option(metavar="NAME", help="Whose subscribers to tell.")] = None,
    severity: Annotated[
        str | None, typer.Option(help="info, warning, action or urgent.", autocompletion=a_severity)
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Emitted again, it is the same event.")
    ] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help="The state of the world it is of.")
    ] = None,
    tag: Tags = [],  # noqa: B006
    channel: Channels = [],  # noqa: B006
    data: Data = None,
    url: Annotated[str | None, typer.Option(help="Where it can be seen.")] = None,
    at: At = None,
    expires_at: Expires = None,
    correlation_id: Annotated[str | None, typer.Option(metavar="TEXT", help="What it goes back to.")] = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Emit one event, and print its id. A worker tells people of it.

    Exit codes: 0 emitted, now or before with this key; 1 refused or failed; 2 wrong usage.
    """
    fields = EventFields(
        tenant=tenant,
        actor=actor,
        subject=subject,
        thread=thread,
        to=_audience(to),
        topic=topic,
        severity=severity,
        key=key,
        condition=condition,
        tags=tag,
        channels=channel or None,
        data=read_data(data),
        url=url,
        at=instant("--at", at),
        expires_at=instant("--expires-at", expires_at),
        correlation_id=correlation_id,
    )
    found = find(context, app, database, types, smtp, sender)
    id, new = _emit(found, type, fields)
    found.close()
    if as_json:
        print_json({"id": str(id), "type": type, "tenant": tenant, "new": new})
    else:
        console().print(
            f"{id}" + ("" if new else f"  (emitted before, with the key {key!r})"), soft_wrap=True
        )


def _emit(found: Any, type: str, fields: EventFields) -> tuple[Any, bool]:
    """Its id, and whether it is new: with a key, somebody may have emitted it before."""
    from sqlalchemy.engine import Connection

    from clarion.store import records

    def work(conn: Connection) -> tuple[Any, bool]:
        key = fields.get("key")
        before = None if key is None else records.event_by_key(conn, fields["tenant"], key)
        return found.emit(conn, type, **fields), before is None

    found.start()
    answer: tuple[Any, bool] = found.database.run(work)
    return answer


def _audience(to: list[str]) -> dict[str, list[str]] | None:
    """`author=bob` names the reason; `carol` alone is told directly."""
    audience: dict[str, list[str]] = {}
    for one in to:
        reason, given, id = one.partition("=")
        if not (id if given else reason):
            misused(f"--to {one!r}: write REASON=ID, or the ID alone")
        audience.setdefault(reason if given else "direct", []).append(id if given else reason)
    return audience or None


def read_data(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        if given == "-":
            text = sys.stdin.read()
        elif given.startswith("@"):
            text = Path(given[1:]).read_text(encoding="utf-8")
        else:
            text = given
        data = json.loads(text)
    except OSError as error:
        misused(f"--data {given!r} cannot be read: {error.strerror}")
    except (ValueError, RecursionError) as error:
        misused(f"--data {given[:40]!r} is no JSON: {error}")
    if not isinstance(data, dict):
        misused(f'--data must be an object such as {{"title": "…"}}, got {text[:40]!r}')
    return data
