"""How commands end where something beside them goes wrong: the place of the answer, the database, the patience."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import PATIENCE, clarion


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_answer_that_cannot_be_written(options: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "clarion", "settings", *options],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "clarion: the answer cannot be written: No space left on device\n"


def test_a_database_that_cannot_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "app.db").mkdir()
    ended = clarion("recipients", "--database", "sqlite:///app.db", cwd=tmp_path)
    assert ended.code == 1
    assert "the database sqlite:///app.db refused: unable to open database file" in ended.err
    assert "`clarion doctor` says more" in ended.err


_INTERRUPTED = """
import signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "clarion.cli":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from clarion.__main__ import main
main()
"""


def test_interrupted_before_it_has_begun() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stderr) == (130, "")
