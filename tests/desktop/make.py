"""A claimed delivery, as the service tells of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion.desktop.toast import Toast

ID = UUID("01a1fbcf-f077-710e-9bb9-3cde9ed88749")


def claimed(**changed: Any) -> dict[str, Any]:
    return {
        "id": str(ID),
        "claim": 1,
        "attempt": 1,
        "recipient": "bob",
        "address": "laptop",
        "severity": "info",
        "type": "cl.merged",
        "title": "Merged",
        "text": "It is in.",
        "url": None,
        **changed,
    }


def toast(**changed: Any) -> Toast:
    return Toast.read(claimed(**changed))
