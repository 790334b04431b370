"""`clarion test`: send a test to somebody, and see whether it arrives and how it looks."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.completing import a_channel, a_recipient, a_severity, a_type
from clarion.cli.emit import Data, read_data
from clarion.cli.ending import FAILED, misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    SenderOption,
    SmtpOption,
    TenantOption,
    TypesOption,
    find_existing,
    make_any,
    settings_of,
    which,
)
from clarion.cli.printing import console, plain, print_json, table
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import RenderableType

    from clarion.recipient import Address
    from clarion.trial.sending import Tried
    from clarion.trial.trying import Trial

EXAMPLE = (
    "Examples: clarion test --channel email --to me@acme.test · "
    "clarion test --type cl.merged --recipient bob --dry-run"
)


def try_out(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="To this address, on the one --channel.")
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Or to this recipient.", autocompletion=a_recipient),
    ] = None,
    channel: Annotated[
        list[str],
        typer.Option(
            "--channel",
            metavar="NAME",
            help="On these channels only; may be repeated.",
            autocompletion=a_channel,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    type: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="What this event type would become.", autocompletion=a_type),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="NAME", help="Why they would be told; direct, if left out.")
    ] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Of the event: who did it.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="What it is about.")] = None,
    thread: Annotated[str | None, typer.Option(metavar="NAME", help="The conversation in it.")] = None,
    severity: Annotated[
        str | None, typer.Option(help="info, warning, action or urgent.", autocompletion=a_severity)
    ] = None,
    data: Data = None,
    url: Annotated[str | None, typer.Option(help="Where it can be seen.")] = None,
    locale: Annotated[
        str | None, typer.Option(metavar="NAME", help="The language at the address of --to.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what is decided, and the messages.")
    ] = False,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    types: TypesOption = None,
    smtp: SmtpOption = None,
    sender: SenderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test message now, from here, without a worker: to an address, or to a recipient's.

    Without --type it is a few words, sent whatever the recipient prefers. With --type, what this event would become
    for them is decided first, by preferences, policies and all; what would be told at once is sent, with a
    note that it is a test. Nothing is written: no event, no item in the inbox, nothing that counts for a cooldown.

    Exit codes: 0 all was taken (or shown); 1 something was not, or a channel was left out, or there was nothing to
    send; 2 wrong usage.
    """
    whom = _whom(to, recipient, channel, locale)
    fields: dict[str, Any] = {
        "channels": channel or None,
        "actor": actor,
        "subject": subject,
        "thread": thread,
        "severity": severity,
        "data": None if data is None else read_data(data),
        "url": url,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if type is None:
        _refuse_fields({**given, **({} if reason is None else {"reason": reason})})
    if recipient is not None or type is not None:
        find_existing(context, app, database).close()
    settings = settings_of(context, which(app, database, types, smtp, sender))
    found = make_any(settings, with_types=type is not None)
    with redirect_stdout(sys.stderr if as_json else sys.stdout):  # a channel may print what it is given
        trial = found.try_out(
            whom, type=type, reason=reason or "direct", dry_run=dry_run, tenant=tenant, **given
        )
    found.close()
    if as_json:
        print_json(trial_json(trial))
    else:
        console().print(*shown(trial, dry_run=dry_run), sep="\n", soft_wrap=True)
    if not (all(one.passed for one in trial.messages) if dry_run else trial.passed):
        raise typer.Exit(FAILED)


def _whom(to: str | None, recipient: str | None, channel: list[str], locale: str | None) -> str | Address:
    from clarion.recipient import Address

    if (to is None) == (recipient is None):
        misused("to whom? say --to ADDRESS with a --channel, or --recipient ID")
    if recipient is not None:
        if locale is not None:
            misused("--locale is for --to; a recipient has one of their own")
        return recipient
    if len(channel) != 1:
        misused(f"--to {to!r}: on which --channel? name one")
    return Address(channel[0], to or "", locale)


def _refuse_fields(given: Collection[str]) -> None:
    """Without a type there is no event of which they could be."""
    for name in given:
        if name != "channels":
            misused(f"--{name} is of an event: say of which --type, or leave it out")


# ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────


def shown(trial: Trial, *, dry_run: bool) -> list[RenderableType]:
    """What was decided, then each message and what came of it."""
    parts: list[RenderableType] = []
    if trial.explanation is not None:
        rows = table("channel", "", "gate", "why")
        for why in trial.explanation.channels:
            would = "no" if not why.told else "would tell" if why.until is None else "would wait"
            rows.add_row(plain(why.channel), would, why.gate or "", plain(why.sentence))
        parts.append(rows)
    for one in trial.messages:
        parts += _message(one, whole=dry_run)
    parts += [plain(f"{channel}: {why}.") for channel, why in trial.left_out.items()]
    if not trial.messages:
        parts.append("Nothing is sent." if dry_run else "Nothing was sent.")
    return parts


def _message(one: Tried, *, whole: bool) -> list[RenderableType]:
    from rich.text import Text

    where = plain(f"{one.channel} to {one.address}: ")
    took = "" if one.duration is None else f" in {one.duration.total_seconds() * 1000:.0f} ms"
    if one.sent:
        receipt = f"; the receipt: {plain(one.receipt)}" if one.receipt else ""
        return [Text(f"✓ {where}taken{took}{receipt}", style="green")]
    if one.sent is False:
        why = ": ".join(filter(None, [one.code, one.detail]))
        return [Text(f"✗ {where}not taken{took}: {plain(why)}", style="red"), f"  → {one.remedy}"]
    if one.content is None or not whole:
        return []
    lines = [f"  {plain(line)}" for line in one.content.text.splitlines()]
    html = " and as HTML" if one.content.html else ""
    return [
        Text(f"{where}not sent, in {one.locale}, as text{html}"),
        f"  {plain(one.content.title)}",
        "",
        *lines,
    ]


def trial_json(trial: Trial) -> dict[str, Any]:
    why = trial.explanation
    return {
        "recipient": trial.recipient,
        "passed": trial.passed,
        "decided": None
        if why is None
        else [
            {"channel": c.channel, "told": c.told, "until": c.until, "gate": c.gate, "why": c.sentence}
            for c in why.channels
        ],
        "messages": [_message_json(one) for one in trial.messages],
        "left_out": dict(trial.left_out),
    }


def _message_json(one: Tried) -> dict[str, Any]:
    content = one.content
    return {
        "channel": one.channel,
        "address": one.address,
        "locale": one.locale,
        "title": None if content is None else content.title,
        "text": None if content is None else content.text,
        "html": None if content is None else content.html,
        "sent": one.sent,
        "receipt": one.receipt,
        "code": one.code,
        "detail": one.detail,
        "remedy": one.remedy,
        "duration_ms": None if one.duration is None else round(one.duration.total_seconds() * 1000),
    }
