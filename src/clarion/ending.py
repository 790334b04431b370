"""How the telling of one recipient on one channel ended: what the application's hooks are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Sent, failed or suppressed, as the hook says.

    `code`: why, as in the record of its attempts, or the gate that suppressed it. What was suppressed when its
    event was decided on has neither `delivery` nor `address`.
    """

    tenant: str
    event: UUID
    correlation_id: str
    type: str
    recipient: str
    channel: str
    at: datetime
    code: str | None = None
    delivery: UUID | None = None
    address: UUID | None = None
