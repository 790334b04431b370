"""What the document about traces names is what there is, and what it shows runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from clarion import tracing
from tests.docs.code import ROOT, blocks

DOCUMENT = "docs/tracing.md"

THEN = """
from clarion import Clarion

clarion = Clarion("sqlite:///traced.db")
clarion.type("note", channels=["inbox"])
clarion.migrate()
clarion.start()
clarion.database.run(lambda conn: clarion.emit(conn, "note", to=["bob"]))
provider.shutdown()
"""


def test_the_program_takes_spans(tmp_path: Path) -> None:
    (shown,) = blocks(DOCUMENT)
    done = subprocess.run(
        [sys.executable, "-c", shown + THEN], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"name": "emit note"' in done.stdout


def test_every_span_and_attribute_is_in_the_document_and_nothing_else_is() -> None:
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    source = Path(tracing.__file__).read_text(encoding="utf-8")
    made = re.findall(r'_messaging\("([\w-]+)"', source)
    made += re.findall(r'(?:tracing\.calling\(|going, )"(\w+)"', _workers())
    assert set(re.findall(r"^\| `([\w-]+) \{", text, re.MULTILINE)) == set(made)
    attribute = r"(?:messaging|clarion|error)\.[a-z_.]+[a-z]"
    written = set(re.findall(rf'"({attribute})"', source + _workers()))
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert {*re.findall(rf"`({attribute})`", rows), "messaging.system"} == written


def _workers() -> str:
    folder = Path(tracing.__file__).parent / "workers"
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
