"""`clarion explain`: who was told of an event and why, or all about one recipient."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from clarion.cli.finding import AppOption, DatabaseOption, JsonOption, TenantOption, find_existing
from clarion.cli.printing import console, instant, plain, print_json, table
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clarion.app import Clarion
    from clarion.event import Event
    from clarion.explanation import DeliveryRecord, Explanation, Progress
    from clarion.store.records import Told

EXAMPLE = "Example: clarion explain 0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d bob --database sqlite:///app.db"


def explain(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, or its key.")],
    recipient: Annotated[
        str | None, typer.Argument(metavar="[RECIPIENT]", help="Without one: everybody who was decided on.")
    ] = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why somebody was told of an event or was not, by which channel, and what became of it."""
    found = find_existing(context, app, database)
    about, progress = _event(found, tenant, event)
    if recipient is None:
        told = found.status(about.id, tenant=tenant)
        if as_json:
            print_json(overview_json(about, progress, told))
        else:
            console().print(*overview(about, progress, told), sep="\n")
    else:
        why = found.why(about.id, recipient, tenant=tenant)
        if as_json:
            print_json(explanation_json(why))
        else:
            console().print(*explanation(why), sep="\n")
    found.close()


def _event(found: Clarion, tenant: str, named: str) -> tuple[Event, Progress]:
    """The event of this id or key."""
    from sqlalchemy.engine import Connection

    from clarion.errors import InvalidInput
    from clarion.store import records

    def read(conn: Connection) -> tuple[Event, Progress] | None:
        try:
            by_id = records.event(conn, tenant, UUID(named))
        except ValueError:  # no id: a key
            by_id = None
        return by_id or records.event_by_key(conn, tenant, named)

    event = found.database.read(read)
    if event is None:
        raise InvalidInput(f"there is no event with the id or key {named!r} in tenant {tenant!r}")
    return event


# ── Everybody ────────────────────────────────────────────────────────────────────────────────────────────


def overview(event: Event, progress: Progress, told: list[Told]) -> list[RenderableType]:
    """The event, and a row for everybody who was decided on."""
    from clarion import gates

    rows = table("recipient", "reason", "told by", "stopped by")
    for one in told:
        via = (["inbox"] if one.visible else []) + [
            f"{channel} {instant(at)}" for channel, at in sorted(one.sent_at.items())
        ]
        via += [f"{channel} ({state})" for channel, state in sorted(one.unsent.items())]
        rows.add_row(
            plain(one.recipient), plain(one.reason), ", ".join(via), ", ".join(gates.names_in(one.gates))
        )
    return [*_heading(event), _how_far(progress, len(told)), *([rows] if told else [])]


def _how_far(progress: Progress, decided: int) -> str:
    if progress.failure is not None:
        return f"The audience could not be worked out: {plain(progress.failure)}"
    if progress.walked:
        return f"{decided} decided on, which is everybody."
    when = "" if progress.due_at is None else f", due {instant(progress.due_at)}"
    return f"{decided} decided on so far: the event waits for its fan-out{when}."


def overview_json(event: Event, progress: Progress, told: list[Told]) -> dict[str, Any]:
    from clarion import gates

    return {
        "event": _event_json(event),
        "decided_on_all": progress.walked,
        "failure": progress.failure,
        "recipients": [
            {
                "recipient": one.recipient,
                "reason": one.reason,
                "inbox": one.visible,
                "sent_at": one.sent_at,
                "unsent": one.unsent,
                "gates": gates.names_in(one.gates),
            }
            for one in told
        ],
    }


# ── One recipient ────────────────────────────────────────────────────────────────────────────────────────


def explanation(why: Explanation) -> list[RenderableType]:
    """The event, the sentence, what was asked, a row for each channel and one for each attempt."""
    from rich.text import Text

    parts: list[RenderableType] = [*_heading(why.event), Text(f"{plain(why.sentence)}.", style="bold")]
    if why.reason is not None:
        parts.append(f"Asked were: {plain('; '.join(why.sources)) or 'nobody'}")
    if why.channels:
        rows = table("channel", "", "gate", "why")
        for one in why.channels:
            mark = Text("✓ told", style="green") if one.told else Text("✗ not told", style="yellow")
            rows.add_row(one.channel, mark, one.gate or "", plain(one.sentence))
        parts.append(rows)
    for delivery in why.deliveries:
        parts += _delivery(delivery)
    return parts


def _delivery(one: DeliveryRecord) -> list[RenderableType]:
    """Where it goes and how it stands, and a row for each attempt."""
    from rich.text import Text

    to = f"{one.channel} to {plain(one.address or '(an address that was removed)')}: "
    heading = Text(to).append(one.state, style="bold")
    id = Text(f"delivery {one.id}, which stands in the message's own id", style="dim")
    if not one.attempts:
        return [heading, id, f"  not tried yet, due {instant(one.due_at)}"]
    rows = table("attempt", "at", "result", "said", "took")
    for attempt in one.attempts:
        said = ": ".join(filter(None, [attempt.code, attempt.detail, attempt.receipt]))
        took = "" if attempt.duration_ms is None else f"{attempt.duration_ms} ms"
        rows.add_row(str(attempt.n), instant(attempt.at), attempt.result, plain(said), took)
    return [heading, id, rows]


def explanation_json(why: Explanation) -> dict[str, Any]:
    return {
        "event": _event_json(why.event),
        "recipient": why.recipient,
        "reason": why.reason,
        "sentence": why.sentence,
        "sources": list(why.sources),
        "channels": [asdict(one) for one in why.channels],
        "deliveries": [asdict(one) for one in why.deliveries],
    }


# ── The event ────────────────────────────────────────────────────────────────────────────────────────────


def _heading(event: Event) -> list[RenderableType]:
    from rich.text import Text

    by = f" by {event.actor}" if event.actor else ""
    about = f" about {event.subject}" if event.subject else ""
    return [
        Text(plain(f"{event.type}{by}{about}"), style="bold cyan"),
        Text(f"event {event.id}, emitted {instant(event.emitted_at)}", style="dim"),
    ]


def _event_json(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "tenant": event.tenant,
        "type": event.type,
        "actor": event.actor,
        "subject": event.subject,
        "key": event.key,
        "emitted_at": event.emitted_at,
        "at": event.at,
    }
