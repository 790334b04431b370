"""The demo's webhooks: real payloads of GitHub, see `data/PROVENANCE.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A webhook as it came: X-GitHub-Event, X-GitHub-Delivery, and the body."""

    name: str
    delivery: str
    payload: Mapping[str, Any]


def payloads() -> tuple[Received, ...]:
    """All of them, in the order in which the demo sends them: every kind soon, related ones in sequence."""
    text = files("clarion.demo").joinpath("data/payloads.json").read_text(encoding="utf-8")
    return tuple(Received(**one) for one in json.loads(text))
