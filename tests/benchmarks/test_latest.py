"""What is published of the measurements: its shape, its arithmetic, and that the documents say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.__main__ import COMPARING
from benchmarks.comparison import Comparison

from benchmarks import latest

FIELDS = ["name", "ours", "other", "other_name", "unit", "ratio", "target"]


def row(name: str, ours: float = 2.0) -> Comparison:
    return Comparison(name=name, ours=ours, other=1, other_name="floor", unit="a second")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another place for what is recorded; the list."""
    monkeypatch.setattr(latest, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(latest, "ABOUT", tmp_path / "about.json")
    return tmp_path / "latest.json"


def test_the_published_list_has_the_fields_that_were_promised() -> None:
    rows = json.loads(latest.LATEST.read_text())
    assert rows
    for found in rows:
        assert list(found) == FIELDS
        assert isinstance(found["target"], int | float | None)
    names = [found["name"] for found in rows]
    assert len(names) == len(set(names))
    assert {name.partition(": ")[0] for name in names} == {*COMPARING, "peers"}


def test_each_published_ratio_is_that_of_its_figures() -> None:
    for found in json.loads(latest.LATEST.read_text()):
        assert found["ratio"] == pytest.approx(Comparison.from_json(found).ratio, rel=2e-3), found["name"]


def test_it_is_said_when_and_on_what_each_was_measured() -> None:
    about = json.loads(latest.ABOUT.read_text())
    assert {row.benchmark for row in latest.read()} == set(about)
    assert all(each["at"] and each["cores"] for each in about.values())


def test_the_document_has_the_published_table() -> None:
    text = latest.DOCUMENT.read_text()
    assert text == latest.document(text), "run python -m benchmarks.latest --write"


def test_a_benchmark_replaces_its_rows_and_leaves_those_of_others(published: Path) -> None:
    latest.record("one", [row("one: a"), row("one: b")])
    latest.record("peers", [row("peers: x")])
    latest.record("one", [row("one: b", ours=5)])
    assert [(found["name"], found["ours"]) for found in json.loads(published.read_text())] == [
        ("one: a", 2),
        ("one: b", 5),
        ("peers: x", 2),
    ]
    latest.forget("one")
    assert [found.name for found in latest.read()] == ["peers: x"]


@pytest.mark.usefixtures("published")
def test_a_row_that_could_not_be_found_again_is_refused() -> None:
    with pytest.raises(ValueError, match="does not begin with 'one: '"):
        latest.record("one", [row("two: a")])
