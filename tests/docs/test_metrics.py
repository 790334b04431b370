"""What the document about metrics names is what there is, and what it shows runs."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from clarion import Clarion, telemetry
from clarion.workers.exposition import Gauges
from tests.docs.code import ROOT, blocks

DOCUMENT = "docs/metrics.md"


def test_every_family_is_in_the_document_with_its_labels_and_nothing_else_is(database_url: str) -> None:
    counters = [family for family in REGISTRY.collect() if family.name.startswith("clarion_")]
    assert counters, telemetry.COUNTING
    clarion = Clarion(database_url)
    gauges = list(Gauges(clarion.database, []).describe())
    clarion.close()
    there = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in [*counters, *gauges]
    }
    rows = [line for line in _text().splitlines() if line.startswith("| `clarion_")]
    named = [name for row in rows for name in re.findall(r"`(clarion_\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(there)
    labels = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[2])}
    assert labels == {"type", "channel", "gate", "verdict", "result", "code", "hook", "by"}


def test_what_is_alerted_on_exists() -> None:
    asked = set(
        re.findall(r"clarion_[a-z_]+", _text().split("### What to alert on")[1].split("## The log")[0])
    )
    families = set(re.findall(r"^\| `(clarion_[a-z_]+)`", _text(), re.MULTILINE))
    also = {"clarion_delivery_seconds_bucket", "clarion_events_oldest_due_seconds"}
    assert len(asked) > 5
    assert asked <= families | also


def test_the_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    for shown in blocks(DOCUMENT):
        names: dict[str, object] = {"__name__": "shown"}
        exec(compile(shown, DOCUMENT, "exec"), names)
        if isinstance(clarion := names.get("clarion"), Clarion):
            clarion.close()


def test_the_line_of_the_log_has_the_fields_that_are_written() -> None:
    (shown,) = blocks(DOCUMENT, "json")
    assert list(json.loads(shown)) == ["time", "level", "logger", "message", "event", "correlation_id"]


def _text() -> str:
    return (ROOT / DOCUMENT).read_text(encoding="utf-8")
