"""`clarion recipients import`: many recipients, from CSV or JSON lines.

Good lines are written and bad ones named, each with its number: to import again what was good changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from clarion.cli import rows
from clarion.cli.author import ByOption, author
from clarion.cli.ending import FAILED, misused
from clarion.cli.finding import (
    AppOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TenantOption,
    find_existing,
)
from clarion.cli.printing import console, plain, print_json
from clarion.cli.progress import progress, wanted
from clarion.errors import InvalidInput
from clarion.event import DEFAULT_TENANT

if TYPE_CHECKING:
    from clarion.edit import RecipientEdit

EXAMPLE = (
    "Examples: clarion recipients import people.csv --check · clarion recipients import - < people.jsonl"
)

_CHUNK = 1000


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSON lines, in UTF-8; - is stdin.")],
    check: Annotated[bool, typer.Option("--check", help="Only look at every line; write nothing.")] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to put the bad lines, as they are, to be mended."),
    ] = None,
    by: ByOption = None,
    tenant: TenantOption = DEFAULT_TENANT,
    app: AppOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a recipient for each line, as `recipients upsert` does: in part, and those who are new are made.

    CSV has a head: id, name, locale, time_zone, active, enabled, roles, and a column for each channel, whose
    addresses replace what they have there. An empty cell says nothing; several values stand with | between them.
    JSON lines are objects with an id and the arguments of `recipients.upsert`.

    Good lines are written, a thousand at once, also where others are bad. Every bad line is named on standard error,
    with what is wrong. Import the same again, whole or mended, as often as you like.

    Exit codes: 0 every line is good; 1 some are bad, or it failed; 2 wrong usage.
    """
    from clarion.catalog import recipients_of

    found = find_existing(context, app, database)
    people = recipients_of(found)
    who = author(by, "recipients import")
    with _opened(file) as source, _rejects(rejected) as keep:
        write = None if check else partial(people.upsert_many, by=who, tenant=tenant)
        lines = rows.Lines(source, people.channels)
        work = _Import(lines, people.check, write, keep, quiet=as_json)
        size = None if file == "-" else Path(file).stat().st_size
        try:
            with progress("recipients", size, shown=wanted(as_json=as_json)) as tell:
                work.run(tell)
        except KeyboardInterrupt:
            sys.stderr.write(
                f"clarion: stopped; until then {work.good:,} good lines, {len(work.bad):,} bad\n"
            )
            raise
    found.close()
    if rejected is not None and not work.bad:
        rejected.unlink()
    _end(work, check=check, as_json=as_json)


class _Import:
    """Checks line after line, and writes the good ones a thousand at once. The bad ones are named as they are found."""

    def __init__(
        self,
        lines: rows.Lines,
        check: Callable[[RecipientEdit], None],
        write: Callable[[list[RecipientEdit]], Any] | None,
        keep: Callable[[str], Any],
        *,
        quiet: bool,
    ) -> None:
        self.good = 0
        self.bad: list[dict[str, Any]] = []
        self._lines, self._check, self._write, self._keep, self._quiet = lines, check, write, keep, quiet

    def run(self, tell: Callable[[int], Any]) -> None:
        some: list[RecipientEdit] = []
        for row in self._lines:
            why = row.wrong or self._wrong(row.fields)
            if why is not None:
                self._reject(row, why)
                continue
            some.append(row.fields)
            if len(some) == _CHUNK:
                self._take(some)
                some = []
                tell(self._lines.done)
        self._take(some)

    def _wrong(self, fields: RecipientEdit) -> str | None:
        try:
            self._check(fields)
        except InvalidInput as error:
            return str(error)
        return None

    def _take(self, some: list[RecipientEdit]) -> None:
        if self._write is not None:
            self._write(some)
        self.good += len(some)

    def _reject(self, row: rows.Row, why: str) -> None:
        if not self.bad:
            self._keep(self._lines.head)
        self.bad.append({"line": row.line, "last_line": row.last or row.line, "why": why})
        self._keep(row.text if row.text.endswith("\n") else f"{row.text}\n")
        if not self._quiet:
            sys.stderr.write(f"{row.where}: {plain(why)}\n")


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    """Without the mark that some programs put in front of UTF-8; what is no UTF-8 is found by its line."""
    if file == "-":
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape", newline="")  # type: ignore[union-attr]  # it is a file
        yield sys.stdin
        return
    try:
        source = Path(file).open(encoding="utf-8-sig", errors="surrogateescape", newline="")  # noqa: SIM115 - closed below
    except OSError as error:
        misused(f"{file!r} cannot be read: {error.strerror}")
    with source:
        yield source


@contextmanager
def _rejects(file: Path | None) -> Iterator[Callable[[str], Any]]:
    if file is None:
        yield lambda _text: None
        return
    try:
        opened = file.open("x", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        misused(f"--rejected {str(file)!r} cannot be made: {error.strerror}")
    with opened:
        yield opened.write


def _end(work: _Import, *, check: bool, as_json: bool) -> None:
    done = "good" if check else "written"
    if as_json:
        print_json({done: work.good, "bad": work.bad})
    else:
        bad = f", {len(work.bad):,} bad" if work.bad else ""
        console().print(f"{work.good:,} {done}{bad}.")
    if work.bad:
        raise typer.Exit(FAILED)
