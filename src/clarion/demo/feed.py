"""What the demo's application emits: GitHub's webhooks, each signed and verified, and a few events of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clarion.demo.payloads import Received, payloads
from clarion.event import EventFields
from clarion.recipient import Address
from clarion.sources import github

Emission = tuple[str, EventFields]

SECRET = b"the demo's webhook secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A webhook as it arrives over HTTP: three headers, and the body's bytes."""

    event: str
    delivery: str
    signature: str
    body: bytes


def requests(turn: int = 0) -> Iterator[Request]:
    """All webhooks, as GitHub would send them; in each turn with delivery ids of their own."""
    for received in payloads():
        delivery = f"{received.delivery}-{turn}" if turn else received.delivery
        yield _signed(replace(received, delivery=delivery))


def _signed(received: Received) -> Request:
    body = json.dumps(received.payload, separators=(",", ":")).encode()
    signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return Request(event=received.name, delivery=received.delivery, signature=signature, body=body)


def receive(request: Request) -> list[Emission]:
    """What a web application does with a webhook. Raises `ForgedSignature`."""
    github.verify(SECRET, request.body, request.signature)
    return list(github.events(request.event, json.loads(request.body), delivery=request.delivery))


def forged(request: Request) -> Request:
    """The same with one byte changed on its way."""
    return replace(request, body=request.body.replace(b"{", b"[", 1))


def own_events(now: datetime, turn: int = 0) -> list[Emission]:
    """What happens at Acme itself."""
    events: list[Emission] = [
        (
            "acme.comment.created",
            EventFields(
                actor="sam-lee",
                subject="design/12",
                thread="design/12",
                to={"author": ["priya-nair"], "participant": ["hacktocat", "sam-lee", "wei-chen"]},
                data={
                    "title": "Sam Lee commented on “Onboarding, second draft”",
                    "text": "@hacktocat @jonas-weber could you look at the second screen? The rest is fine.",
                    "actor_name": "Sam Lee",
                },
                url="/design/12#c3",
            ),
        ),
        (
            "acme.incident.opened",
            EventFields(
                subject="incident/7",
                to={"on_call": ["rafael-souza", "noah-fischer"], "owner": ["amara-diallo", "lucia-romero"]},
                data={
                    "title": "Payments are failing",
                    "text": "Every third card payment times out since 09:40.",
                },
                url="/incidents/7",
            ),
        ),
        (
            "acme.meeting.soon",
            EventFields(
                to={"participant": ["anna-kowalska", "priya-nair"]},
                data={"title": "Stand-up in 10 minutes", "text": "Nobody need know by now: it is over."},
                at=now - timedelta(hours=2),
                expires_at=now - timedelta(hours=1),
            ),
        ),
        (
            "acme.invoice.sent",
            EventFields(
                subject="invoice/2041",
                to={
                    "customer": [Address("email", "comptabilite@client.test", locale="fr")],
                    "account_manager": ["mateo-garcia", "someone-unknown"],
                },
                data={
                    "title": "Invoice 2041",
                    "text": "Thank you for your order. It is payable within 30 days.",
                },
                url="/invoices/2041",
            ),
        ),
        (
            "acme.comment.created",
            EventFields(
                actor="priya-nair",
                subject="design/12",
                thread="design/12",
                to={"participant": ["sam-lee"]},
                channels=["inbox"],
                data={"title": "Priya Nair answered", "text": "Done.", "actor_name": "Priya Nair"},
                url="/design/12#c4",
            ),
        ),
    ]
    for n, (_, fields) in enumerate(events):
        fields["key"] = f"acme/{turn}/{n}"
    return events
