"""`clarion prune`: remove now what is over for long enough; workers do the same, a little at a time."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.ending import fail, misused
from clarion.cli.finding import AppOption, ConfigOption, DatabaseOption, JsonOption, find_existing
from clarion.cli.printing import console, instant, print_json, table
from clarion.cli.progress import progress, wanted
from clarion.cli.times import past_instant

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clarion.app import Clarion
    from clarion.store.kept import Cut
    from clarion.store.pruning import Tally

EXAMPLE = "Example: clarion prune --older-than 90d --dry-run --database sqlite:///app.db"

_LEAST = timedelta(days=1)
_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

OlderThan = Annotated[
    str | None,
    typer.Option("--older-than", metavar="TIME", help="How long ago it must have come to its end: 30d, 72h."),
]
Before = Annotated[
    str | None,
    typer.Option("--before", metavar="DATE", help="Or since when: 2025-06-01, 2025-06-01T10:00:00Z."),
]


def prune(
    context: typer.Context,
    older_than: OlderThan = None,
    before: Before = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove events that are over for longer than the retention, with all that followed from them.

    Never what is undelivered, scheduled, saved by somebody, or still counts in a cooldown. An event is removed with
    its key: emitted again, it is a new one. Runs beside workers and other prunes, and may be stopped at any time.

    Exit codes: 0 done, or nothing to do; 1 refused or failed; 2 wrong usage; 130 stopped, with a part removed.
    """
    if older_than is not None and before is not None:
        misused("say --older-than or --before, not both")
    since = _instant(older_than, before)
    found = find_existing(context, app, database)
    cut, tally = _prune(found, since, dry_run=dry_run, as_json=as_json)
    found.close()
    if as_json:
        rows = dict(sorted(tally.rows.items()))
        print_json({"before": cut.before, "dry_run": dry_run, "events_seen": tally.seen, "rows": rows})
    else:
        console().print(*summary(cut, tally, dry_run=dry_run), sep="\n")


def _instant(older_than: str | None, before: str | None) -> datetime | None:
    if older_than is not None and not re.fullmatch("[0-9]+[smhd]", older_than):
        misused(f"--older-than {older_than!r}: write how long ago, such as 30d or 72h")
    if before is not None and _date.fullmatch(before):
        before += "T00:00:00Z"
    return past_instant("--older-than", older_than) or past_instant("--before", before)


def _prune(found: Clarion, since: datetime | None, *, dry_run: bool, as_json: bool) -> tuple[Cut, Tally]:
    from clarion.store import pruning

    cut = found.database.read(pruning.Round(before=since or found.retention).cut)
    _check(found, cut)
    tally = pruning.Tally()
    steps = pruning.Round(before=cut.before, dry=dry_run).steps(tally)
    shown = wanted(as_json=as_json)
    total = found.database.read(lambda conn: pruning.total(conn, cut)) if shown else None
    try:
        with progress("events", total, shown=shown) as tell:
            pruning.run(found.database, steps, lambda: tell(tally.seen))
    except KeyboardInterrupt:
        sys.stderr.write(
            f"clarion: stopped; until then {'found' if dry_run else 'removed'}: {_counts(tally)}\n"
        )
        raise
    return cut, tally


def _check(found: Clarion, cut: Cut) -> None:
    """Whether nothing that still counts would be forgotten. Of a database alone, all types ever declared there count."""
    from clarion import retention
    from clarion.store import registry

    kept = cut.now - cut.before
    if kept < timedelta():
        fail(f"{instant(cut.before)} lies in the future: what comes to its end until then is not known yet")
    if kept < _LEAST:
        fail(
            f"{instant(cut.before)} is less than a day ago: an event that is emitted again would be told again"
        )
    if declared := bool(found.types):
        furthest = max(
            ((retention.longest(t), t.code) for t in found.types.values()), default=(timedelta(), "")
        )
    else:
        furthest = found.database.read(registry.looks_back)
    window, code = furthest
    if kept < window:
        fail(
            f"the policy of {code!r} looks back {retention.said(window)}, and what it looks for would be forgotten; "
            f"prune what is older than that"
            + ("" if declared else ", or pass --app if the type is no longer declared")
        )


def summary(cut: Cut, tally: Tally, *, dry_run: bool) -> list[RenderableType]:
    """A line for each table, and what it was about."""
    if not tally.rows:
        return [
            f"Nothing to remove: nothing came to its end before {instant(cut.before)} and is not kept for a reason."
        ]
    rows = table("table", "rows")
    rows.columns[1].justify = "right"
    for name, number in sorted(tally.rows.items()):
        rows.add_row(name, f"{number:,}")
    done = "Would be removed" if dry_run else "Removed"
    return [f"{done}, of what came to its end before {instant(cut.before)}:", rows]


def _counts(tally: Tally) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(tally.rows.items())) or "nothing"
