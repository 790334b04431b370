from __future__ import annotations

from pathlib import Path

import pytest

from clarion.settings.secrets import held_in


def test_a_file_holds_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" hunter2\n")
    assert held_in(file) == "hunter2"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff", "is not UTF-8")]
)
def test_a_file_that_holds_none(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=why):
        held_in(file)
