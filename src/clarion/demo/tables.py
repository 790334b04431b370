"""The demo's tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from uuid import UUID

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from clarion.cli.printing import plain, table
from clarion.demo.ledger import Decided, Ledger
from clarion.demo.people import people as everybody
from clarion.demo.running import Run

_INBOX, _EMAIL = "inbox", "email"

_GATES = {
    "expired": "it came too late to matter",
    "actor": "nobody is told what they did themselves",
    "active": "they have left, or were never there",
    "access": "they may not see what it is about",
    "reachable": "no address on that channel",
    "enabled": "the event was not meant for that channel",
    "consent": "they said no, or never asked for it",
    "severity": "less than they asked to hear of",
}


def events(found: Ledger) -> RenderableType:
    """By kind: how many, what became of them, and one of them in words."""
    rows = _numbers(table("events", "", "people", "inbox", "mail", "stopped", "such as"), 1, 2, 3, 4, 5)
    title = {one.id: one.title for one in found.events}
    decided: dict[str, list[Decided]] = defaultdict(list)
    for one in found.decided:
        decided[_kind(one.type)].append(one)
    for kind, count in Counter(_kind(one.type) for one in found.events).most_common():
        of = decided[kind]
        rows.add_row(kind, f"{count}", f"{len(of)}", *_by(of), _example(of, title))
    return rows


def _kind(type: str) -> str:
    """`github.comment.created` and `acme.comment.created` are both comments."""
    return " ".join(type.split(".")[:2]).replace("_", " ")


def _example(of: list[Decided], title: dict[UUID, str]) -> Text:
    example = next((title[one.event_id] for one in of), "")
    return Text(plain(example), style="dim", no_wrap=True, overflow="ellipsis")


def people(found: Ledger) -> RenderableType:
    """By recipient: the reasons, what came by which channel, and what was stopped by which gate."""
    rows = _numbers(table("recipient", "told because", "inbox", "mail", "stopped by"), 2, 3)
    by: dict[str, list[Decided]] = defaultdict(list)
    for one in found.decided:
        by[one.recipient].append(one)
    known = [person.id for person in everybody()]
    for recipient in sorted(by, key=lambda id: (known.index(id) if id in known else len(known), id)):
        of = by[recipient]
        told = [one for one in of if one.told]
        gates = Counter(gate for one in of for gate in one.stopped.values())
        inbox, mail, _ = _by(of)
        rows.add_row(
            plain(recipient), _counted(Counter(one.reason for one in told)), inbox, mail, _counted(gates)
        )
    return rows


def gates(found: Ledger) -> RenderableType:
    rows = _numbers(table("gate", "stopped", "because", "for instance"), 1)
    for gate, count in found.suppressed.most_common():
        example = next((one for one in found.decided if gate in one.stopped.values()), None)
        rows.add_row(
            Text(gate, style="yellow"),
            f"{count}",
            _GATES.get(gate, ""),
            Text("" if example is None else plain(f"{example.recipient}, {example.type}"), style="dim"),
        )
    return rows


def counts(ended: Run) -> RenderableType:
    judged, faults = ended.verdict, ended.faults
    rows = _numbers(table("", ""), 1)
    rows.show_header = False
    disturbed = (
        ("workers killed in the midst of it", faults.killed_workers, False),
        ("mail catchers killed, and brought back", faults.catcher_restarts, False),
        ("leases lost with the worker", judged.leases_lost, False),
        ("attempts in flight then, each of which may double a mail", judged.allowed_duplicates, False),
    )
    for name, value, bad in (
        ("events", judged.events, False),
        ("notifications (an event for a recipient)", judged.notifications, False),
        *((f"deliveries {state}", n, False) for state, n in judged.deliveries.items()),
        ("mails received by the catcher", judged.mails_received, False),
        ("decisions that suppressed a channel", sum(judged.suppressed.values()), False),
        *(disturbed if faults.killed_workers else ()),
        ("lost", judged.lost, judged.lost > 0),
        ("duplicates", judged.duplicates, judged.excess_duplicates > 0),
        ("undecided", judged.undecided, judged.undecided > 0),
        ("mails that belong to no delivery", judged.strangers, judged.strangers > 0),
    ):
        rows.add_row(name, Text(f"{value:,}", style="bold red" if bad else "bold"))
    return rows


def _by(of: list[Decided]) -> tuple[str, str, str]:
    """How many came into the inbox, by mail, and were stopped on both."""
    return (
        _count(sum(one.visible for one in of)),
        _count(sum(_EMAIL in one.told for one in of)),
        _count(sum(not one.told for one in of)),
    )


def _count(n: int) -> str:
    return f"{n}" if n else "·"


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in names.most_common())


def _numbers(rows: Table, *columns: int) -> Table:
    for n in columns:
        rows.columns[n].justify = "right"
        rows.columns[n].no_wrap = True
    return rows
