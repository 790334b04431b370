"""`results/latest.json`, a list of comparisons and nothing else, and `results/about.json`: when, and on what, each was measured.

python -m benchmarks.latest          print the table
python -m benchmarks.latest --write  put it into docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, machine
from benchmarks.comparison import Comparison

LATEST = RESULTS / "latest.json"
ABOUT = RESULTS / "about.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table: python -m benchmarks.latest --write -->\n", "<!-- end of the table -->\n"


def read() -> list[Comparison]:
    return [Comparison.from_json(row) for row in _read(LATEST, [])]


def record(benchmark: str, rows: Iterable[Comparison], /, **about: Any) -> None:
    """Keep what a benchmark found beside what others found; a row of the same name is replaced where it stands."""
    found = {row.name: row for row in rows}
    for name in found:
        if not name.startswith(f"{benchmark}: "):
            raise ValueError(f"{name!r} does not begin with '{benchmark}: ', by which it is found again")
    _write(list(({row.name: row for row in read()} | found).values()))
    when = {benchmark: {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine(), **about}}
    _dump(ABOUT, _read(ABOUT, {}) | when)
    show(found.values())


def forget(benchmark: str) -> None:
    """What an earlier run of it found: its rows may be called differently now."""
    _write([row for row in read() if row.benchmark != benchmark])


def show(rows: Iterable[Comparison]) -> None:
    table = Table()
    table.add_column("what", overflow="fold")
    for column in ("ours", "the other"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("the other is", overflow="fold")
    for column in ("ratio", "target"):
        table.add_column(column, justify="right")
    for row in rows:
        style = "red" if row.missed else None
        table.add_row(row.name, *_cells(row), style=style)
    Console(width=150).print(table)


def markdown() -> str:
    """The table as docs/benchmarks.md has it; a target that was missed is bold."""
    lines = [
        "| what | ours | the other | unit | the other is | ratio | target |",
        "|---|--:|--:|---|---|--:|--:|",
    ]
    for row in read():
        cells = _cells(row)
        target = f"**{cells[-1]}**" if row.missed else cells[-1]
        lines.append(f"| {' | '.join((row.name, *cells[:-1], target))} |")
    return "\n".join(lines) + "\n"


def document(text: str) -> str:
    """The document, with the table of `latest.json` in its place."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT} has no place for the table: {BEGIN!r} … {END!r}")
    return f"{before}{begin}\n{markdown()}\n{end}{after}"


def _cells(row: Comparison) -> tuple[str, ...]:
    target = "" if row.target is None else f"{row.target:g}"
    return number(row.ours), number(row.other), row.unit, row.other_name, f"{row.ratio:.2f}", target


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _write(rows: list[Comparison]) -> None:
    _dump(LATEST, [row.to_json() for row in rows])


def _read(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else otherwise


def _dump(path: Path, content: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    if parser.parse_args().write:
        DOCUMENT.write_text(document(DOCUMENT.read_text()))
    else:
        show(read())


if __name__ == "__main__":
    main()
