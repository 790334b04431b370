"""CloudEvents 1.0 over HTTP, in all three modes, as events of Clarion.

| CloudEvents | Clarion |
|---|---|
| `type`, `subject`, `data` | the same; data must be a JSON object |
| `id` with `source` | `key`: `source id`, for that pair is what makes one an event of its own |
| `time` | `at`, and now at the earliest: what has happened already is due now |
| `clarion` + a field's name | that field: the extensions `clarionactor`, `clarionto` (ids with commas), … |
| others | passed over, as the standard asks |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from clarion import clock
from clarion.errors import InvalidInput, shown
from clarion.event import TEXT_LIMIT
from clarion.web import json_body
from clarion.web.event_body import instant

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
VERSION = "1.0"
REQUIRED = ("id", "source", "type")
EXTENSIONS = {
    "clarionactor": "actor",
    "clarionthread": "thread",
    "clariontopic": "topic",
    "clarionseverity": "severity",
    "clarioncondition": "condition",
    "clarionurl": "url",
    "clarioncorrelationid": "correlation_id",
    "clarionexpiresat": "expires_at",
}
EXAMPLE = {
    "specversion": VERSION,
    "id": "17",
    "source": "/ci",
    "type": "ci.broken",
    "subject": "build/main",
    "clarionto": "bob,carol",
    "data": {"title": "Broken"},
}
LISTS = {"clariontags": "tags", "clarionchannels": "channels", "clarionto": "to"}


def structured(said: object) -> dict[str, Any]:
    """The body of an event, from one of CloudEvents in JSON. Raises `InvalidInput`."""
    if not isinstance(said, Mapping):
        raise InvalidInput(f"a CloudEvent must be an object, got {shown(said)}")
    if "data_base64" in said:
        raise InvalidInput("data_base64: what an event carries here is a JSON object, in `data`")
    return _event(said, said.get("data"))


def binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    """The same from the headers `ce-…`, with the data as the body. Raises `InvalidInput`, `Problem`."""
    said = {
        name[3:].decode("latin-1"): unquote(value.decode("latin-1"), errors="replace")
        for name, value in headers
        if name.startswith(b"ce-")
    }
    return _event(said, json_body.parse(body) if body else None)


def _event(said: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if said.get("specversion") != VERSION:
        raise InvalidInput(f"specversion must be {VERSION!r}, got {shown(said.get('specversion'))}")
    for name in REQUIRED:
        if not isinstance(said.get(name), str) or not said[name]:
            raise InvalidInput(
                f"a CloudEvent needs {name}, a text that is not empty, got {shown(said.get(name))}"
            )
    body: dict[str, Any] = {"type": said["type"], "key": _key(said["source"], said["id"])}
    if said.get("subject") is not None:
        body["subject"] = said["subject"]
    if data is not None:
        body["data"] = data
    if said.get("time") is not None and instant("time", said["time"]) > clock.now():
        body["at"] = said["time"]
    for extension, field in EXTENSIONS.items():
        if said.get(extension) is not None:
            body[field] = said[extension]
    for extension, field in LISTS.items():
        if said.get(extension) is not None:
            body[field] = _list(extension, said[extension])
    return body


def _key(source: str, id: str) -> str:
    """Of source and id; where they are longer than a key may be, of their hash."""
    whole = f"{source} {id}"
    return (
        whole
        if len(whole) <= TEXT_LIMIT
        else "sha256:" + hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
    )


def _list(name: str, said: object) -> list[str]:
    """Extensions are texts: a list is written with commas."""
    if not isinstance(said, str):
        raise InvalidInput(f"{name} must be a text such as 'bob,carol', got {shown(said)}")
    return [one.strip() for one in said.split(",") if one.strip()]
