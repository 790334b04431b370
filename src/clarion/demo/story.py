"""What became of an event, for the page beside which it happened: who was told on which channel, and why not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion.app import Clarion
from clarion.demo.people import people
from clarion.event import DEFAULT_TENANT
from clarion.explanation import ChannelWhy, DeliveryRecord
from clarion.store import records, told

MOST = 6  # people


def story(clarion: Clarion, event: UUID) -> dict[str, Any]:
    """Raises `NotFound`. `complete`: nothing more will come."""
    counts = clarion.counts(event)

    def read(conn: Any) -> tuple[Any, list[told.Told]]:
        return records.event(conn, DEFAULT_TENANT, event), told.read(conn, DEFAULT_TENANT, event, most=MOST)

    (happened, progress), shown = clarion.database.read(read)
    return {
        "type": happened.type,
        "complete": counts.complete and not counts.waiting and not counts.sending,
        "repeat": progress.repeat_of is not None,
        "people": [_person(clarion, event, one.recipient, one.reason) for one in shown],
        "others": max(0, counts.total - len(shown)),
    }


def _person(clarion: Clarion, event: UUID, recipient: str, reason: str) -> dict[str, Any]:
    why = clarion.why(event, recipient)
    names = {person.id: person.recipient.name for person in people()}
    return {
        "name": names.get(recipient, recipient),
        "reason": reason,
        "channels": [_channel(one, why.deliveries) for one in why.channels],
    }


def _channel(one: ChannelWhy, deliveries: tuple[DeliveryRecord, ...]) -> dict[str, Any]:
    """`state`: of its delivery, or `told` in the inbox, or `not`, and then why."""
    if not one.told:
        return {
            "channel": one.channel,
            "state": "not",
            "why": one.sentence.partition(": ")[2] or one.sentence,
        }
    state = next((each.state for each in deliveries if each.channel == one.channel), "told")
    return {"channel": one.channel, "state": str(state), "why": ""}
