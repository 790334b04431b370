"""What the document about operations shows, runs."""

from __future__ import annotations

import pytest

from tests.docs.code import blocks


@pytest.mark.parametrize("shown", [b for b in blocks("docs/operations.md") if "clarion.replay(" in b])
def test_the_program_about_replaying(
    shown: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    names: dict[str, object] = {}
    exec(compile(shown, "docs/operations.md", "exec"), names)
    names["clarion"].close()  # type: ignore[attr-defined]
    assert capsys.readouterr().out == "0\n"


def test_the_program_about_numbers(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    (shown,) = [block for block in blocks("docs/operations.md") if "clarion.statistics(" in block]
    names: dict[str, object] = {}
    exec(compile(shown, "docs/operations.md", "exec"), names)
    names["clarion"].close()  # type: ignore[attr-defined]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "0 0 None"
    assert len(said) in (25, 26), "six hours of quarters, and the one that runs"
