"""`clarion explain`: who was told of an event and why, or all about one recipient."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

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

    from clarion.app import Clarion
    from clarion.event import Event
    from clarion.explanation import ChannelWhy, DeliveryRecord, Explanation, Progress
    from clarion.own import Own, OwnChannel
    from clarion.store.counts import Counts
    from clarion.store.told import Told

EXAMPLE = "Example: clarion explain 0197a6f0-5c1e-7f5a-9d0c-8a4e2f6b1c3d bob --database sqlite:///app.db"


def explain(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, or its key.")],
    recipient: Annotated[
        str | None, typer.Argument(metavar="[RECIPIENT]", help="Without one: everybody who was decided on.")
    ] = None,
    own: Annotated[
        bool,
        typer.Option("--own", help="What the recipient may read, with the one change that would stop it."),
    ] = False,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why somebody was told of an event or was not, by which channel, and what became of it.

    Exit codes: 0 done, 1 refused (there is no such event), 2 wrong usage.
    """
    if own and recipient is None:
        raise typer.BadParameter("whose own? name the recipient", param_hint="--own")
    found = find_existing(context, app, database)
    about, progress = _event(found, tenant, event)
    if recipient is None:
        told, counted = found.status(about.id, tenant=tenant), found.counts(about.id, tenant=tenant)
        if as_json:
            print_json({**overview_json(about, progress, told), "counts": asdict(counted)})
        else:
            console().print(*overview(about, progress, told, counted), sep="\n")
    else:
        why = found.why(about.id, recipient, tenant=tenant)
        if own and as_json:
            print_json(asdict(why.own()))
        elif own:
            console().print(*own_view(why.own()), sep="\n")
        elif as_json:
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


def overview(event: Event, progress: Progress, told: list[Told], counted: Counts) -> list[RenderableType]:
    """The event, how it stands in numbers, and a row for everybody who was decided on."""
    from clarion import gates

    rows = table("recipient", "reason", "told by", "gates", "")
    for one in told:
        via = (["inbox"] if one.visible else []) + [
            f"{channel} {instant(at)}" for channel, at in sorted(one.sent_at.items())
        ]
        via += [_unsent(one, channel) for channel in sorted(one.unsent)]
        rows.add_row(
            plain(one.recipient),
            plain(one.reason),
            ", ".join(via),
            ", ".join(gates.names_in(one.gates)),
            "" if one.decided_at is None else f"decided again {instant(one.decided_at)}",
        )
    return [
        *_heading(event),
        _how_far(progress, len(told)),
        *_taken_back(progress),
        *([f"{counted}."] if told else []),
        *([rows] if told else []),
    ]


def _unsent(one: Told, channel: str) -> str:
    """How a delivery stands: `email (waiting until 2025-06-01T10:00:00Z)`."""
    state = one.unsent[channel]
    due = one.due_at.get(channel) if state == "waiting" else None
    return f"{channel} ({state})" if due is None else f"{channel} ({state} until {instant(due)})"


def _taken_back(progress: Progress) -> list[str]:
    ends = {"Withdrawn": progress.withdrawn_at, "Resolved": progress.resolved_at}
    return [f"{what} {instant(at)}." for what, at in ends.items() if at is not None]


def _how_far(progress: Progress, decided: int) -> str:
    if progress.repeat_of is not None:
        return f"A repeat of an open condition: counted at event {progress.repeat_of}, told to nobody."
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
        "repeat_of": progress.repeat_of,
        "withdrawn_at": progress.withdrawn_at,
        "resolved_at": progress.resolved_at,
        "recipients": [
            {
                "recipient": one.recipient,
                "reason": one.reason,
                "inbox": one.visible,
                "sent_at": one.sent_at,
                "unsent": one.unsent,
                "due_at": one.due_at,
                "decided_at": one.decided_at,
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
    parts += [Text(f"{plain(note)}.", style="yellow") for note in why.notes]
    if why.channels:
        rows = table("channel", "", "gate", "why")
        for one in why.channels:
            rows.add_row(one.channel, _mark(one), one.gate or "", plain(one.sentence))
        parts.append(rows)
    for delivery in why.deliveries:
        parts += _delivery(delivery)
    return parts


def _mark(one: ChannelWhy | OwnChannel) -> RenderableType:
    from rich.text import Text

    if not one.told:
        return Text("✗ not told", style="yellow")
    if one.until is None:
        return Text("✓ told", style="green")
    return Text("… held", style="cyan")


def own_view(view: Own) -> list[RenderableType]:
    """What the recipient may read."""
    from rich.text import Text

    rows = table("channel", "", "why")
    for one in view.channels:
        rows.add_row(one.channel, _mark(one), plain(one.sentence))
    heading = Text(f"{plain(view.sentence)}.", style="bold")
    return [heading, *([rows] if view.channels else []), f"{plain(view.stop_sentence).rstrip('.')}."]


def _delivery(one: DeliveryRecord) -> list[RenderableType]:
    """Where it goes and how it stands, and a row for each attempt."""
    from rich.text import Text

    to = f"{one.channel} to {plain(one.address or '(an address that was removed)')}: "
    heading = Text(to).append(one.state, style="bold")
    id = Text(f"delivery {one.id}, which stands in the message's own id", style="dim")
    if one.address_gone_at is not None:
        since = f"the address is dead since {instant(one.address_gone_at)}"
        id.append(f"\n{since}: clarion addresses revive {one.address_id}", style="yellow not dim")
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
        "notes": list(why.notes),
        "still_so": why.still_so,
        "decided_at": why.decided_at,
        "repeat_of": why.repeat_of,
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
