"""What the demo shows: how far it is while it runs, and then who was told what, why and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.text import Text

from clarion import clock
from clarion.app import Clarion
from clarion.cli import explain
from clarion.cli.printing import console, plain
from clarion.demo import catcher, feed, running, tables
from clarion.demo.application import DOMAIN
from clarion.demo.feed import Emission
from clarion.demo.ledger import Decided, Ledger
from clarion.demo.ledger import Progress as Far
from clarion.demo.running import Run, Watch
from clarion.sources.github import ForgedSignature

_HEADERS = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "Auto-Submitted",
    "Content-Language",
)


def show(folder: Path, database: str | None, *, kept: bool) -> int:
    """The demonstration; the exit code."""
    out = console()
    out.print(Rule("Clarion", style="cyan"))
    out.print(
        "Real GitHub webhooks, invented people, real SMTP. A worker and a mail catcher run as processes of their own.\n",
        style="dim",
    )
    with _bars(out) as bars:
        bar = bars.add_task("webhooks verified, events emitted", total=None)
        feeding = partial(_feed, bars=bars, bar=bar)
        with running.run(folder, database, feeding=feeding, watch=_watcher(bars)) as ended:
            bars.stop()
            _tell(out, ended)
    if kept:
        _invite(out, folder, ended)
    return 1 if ended.problems else 0


def _feed(clarion: Clarion, bars: Progress, bar: TaskID) -> list[Emission]:
    """One webhook after another, each verified and then emitted in a transaction of its own."""
    requests = list(feed.requests())
    own = feed.own_events(clock.now())
    bars.update(bar, total=len(requests) + len(own))
    emitted: list[Emission] = []
    for request in requests:
        for one in feed.receive(request):
            _emit(clarion, one)
            emitted.append(one)
        bars.advance(bar)
    for one in own:
        _emit(clarion, one)
        bars.advance(bar)
    return emitted + own


def _emit(clarion: Clarion, emission: Emission) -> None:
    type, fields = emission
    clarion.database.run(lambda conn: clarion.emit(conn, type, **fields))


# ── While it runs ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def watching(*, silent: bool) -> Iterator[Watch]:
    """Progress bars on stderr, if that is a terminal and nobody wants silence."""
    out = Console(stderr=True)
    out.quiet = silent or not out.is_terminal
    with _bars(out) as bars:
        yield _watcher(bars)


def _bars(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
    )


def _watcher(bars: Progress) -> Callable[[Far, int], None]:
    decided = bars.add_task("events decided on", total=None, visible=False)
    received = bars.add_task("mails received by the catcher", total=None, visible=False)

    def watch(far: Far, mails: int) -> None:
        bars.update(decided, total=far.events, completed=far.walked, visible=True)
        bars.update(received, total=far.deliveries, completed=mails, visible=True)

    return watch


# ── Afterwards ───────────────────────────────────────────────────────────────────────────────────────────


def report(ended: Run) -> None:
    """What was counted, and whether it is as it must be."""
    out = console()
    out.print(tables.counts(ended))
    out.print(_conclusion(ended))


def _tell(out: Console, ended: Run) -> None:
    found = ended.ledger
    parts: list[tuple[str, RenderableType]] = [
        ("What happened", tables.events(found)),
        ("Who was told, and why", tables.people(found)),
        ("What was suppressed, and by which gate", tables.gates(found)),
        ("A webhook that somebody tampered with", _forgery()),
    ]
    if shown := _a_mail(ended):
        mail, of_mail = shown
        parts.append(("One mail, as it was received", mail))
        parts.append((f"Why {of_mail.recipient} got it", _explained(ended.clarion, of_mail)))
    if stopped := _one_stopped(found):
        parts.append((f"Why {stopped.recipient} got no mail", _explained(ended.clarion, stopped)))
    parts.append(("In the end", tables.counts(ended)))
    for title, part in parts:
        out.print()
        out.print(Rule(Text(title, style="bold"), align="left", style="cyan"))
        out.print(part)
    out.print(_conclusion(ended))


def _forgery() -> RenderableType:
    try:
        feed.receive(feed.forged(next(feed.requests())))
    except ForgedSignature as error:
        return Text(f"✗ refused: {error}", style="yellow")
    raise AssertionError("a forged webhook was taken")


def _a_mail(ended: Run) -> tuple[RenderableType, Decided] | None:
    """The first mail to somebody who was mentioned, and its notification; `None` if none arrived."""
    mails = {mail.message_id: mail for mail in catcher.received(ended.stage.mails)}
    decided = {one.id: one for one in ended.ledger.decided}
    of = {f"<{one.id}@{DOMAIN}>": decided[one.notification_id] for one in ended.ledger.deliveries}
    arrived = [(mail, of[id]) for id, mail in mails.items() if id in of]
    if not arrived:
        return None
    mail, notification = min(arrived, key=lambda pair: (pair[1].reason != "mention", pair[0].id))
    headers = Text()
    for name in _HEADERS:
        if value := mail.parsed[name]:
            headers.append(f"{name}: ", style="bold").append(f"{plain(value)}\n")
    body = Text(mail.text.strip().replace("\r\n", "\n"))
    return Panel(Group(headers, body), border_style="dim", expand=False, padding=(0, 2)), notification


def _one_stopped(found: Ledger) -> Decided | None:
    """Somebody whose own words stopped the mail, but not the inbox."""
    return next(
        (one for one in found.decided if one.visible and one.stopped.get("email") == "severity"), None
    )


def _explained(clarion: Clarion, one: Decided) -> RenderableType:
    return Padding(Group(*explain.explanation(clarion.why(one.event_id, one.recipient))), (0, 0, 0, 2))


def _conclusion(ended: Run) -> Text:
    if ended.problems:
        return Text("✗ " + "; ".join(ended.problems), style="bold red")
    return Text(f"✓ nothing lost, nothing undecided, in {ended.seconds:.1f} s", style="bold green")


def _invite(out: Console, folder: Path, ended: Run) -> None:
    url = ended.clarion.database.shown_url
    key = feed.own_events(clock.now())[0][1]["key"]
    out.print(
        f"\nKept in {folder}. Ask it yourself:\n  clarion explain {key} --database {url}", soft_wrap=True
    )
