"""What is there when `fuzz` asks: people, events and deliveries in every state, operators' things, and who may ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from schemathesis.python import asgi

from clarion import Channel, Clarion, Pull, clock
from clarion.api_key import SCOPES
from clarion.channels.email import Email
from clarion.pulling import LONGEST
from clarion.web import openapi
from clarion.web.app import create_app
from clarion.web.sessions import COOKIE
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.support.working import emit, until, working
from tests.web.conftest import SECRET

PEOPLE = ("bob", "carol")
NOWHERE = "smtp://127.0.0.1:9"
DESKTOP = "desktop"
HOUR = timedelta(hours=1)
SOON = ("at", "until", "silent_until", "muted_until", "expires_at")
WORDS: dict[str, list[Any]] = {
    "type": ["cl.merged", "ci.broken"],
    "category": ["reviews"],
    "severity": ["info", "urgent"],
    "subject": ["cl/42"],
    "thread": ["cl/42"],
    "key": ["cl/42"],
    "condition": ["build/main/broken"],
    "actor": ["carol"],
    "by": ["fuzz"],
    "verb": ["silence"],
    "address": ["bob@"],
    "search": ["b"],
    "text": ["cl/42", "bob"],
    "q": ["merged"],
}
FETCHED = "/claims/{delivery}/"


def channels() -> list[Channel]:
    """Mail that nobody takes, and what is fetched."""
    return [Email(NOWHERE, sender="Acme <hello@acme.test>"), Pull(DESKTOP)]


@dataclass(frozen=True, slots=True)
class Who:
    """The headers by which each of them is known. `strangers` are not, or may hardly anything."""

    key: Mapping[str, str]
    person: Mapping[str, str]
    operator: Mapping[str, str]
    strangers: list[Mapping[str, str]]


@dataclass(slots=True)
class World:
    """`known`: what is there, by the name of the path's parameter. `statuses`: how often each was answered."""

    clarion: Clarion
    app: FastAPI
    client: asgi.ASGIClient
    who: Who
    known: dict[str, list[str]]
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def callers(self, operation: Any) -> list[Mapping[str, str]]:
        """Those who may, by what the operation says that it needs."""
        need = operation.definition.raw.get(openapi.NEEDS)
        if need is None or need["own"] or need["fetches"]:
            return [self.who.key, self.who.person]
        return [self.who.operator, self.who.key]

    def there(self, operation: Any) -> dict[str, list[str]]:
        """What each parameter of its path may be, so that there is such a thing."""
        addresses = self.clarion.desk("fuzz").addresses(recipient="bob")
        known = {**self.known, "address": [str(one.id) for one in addresses]}
        if operation.path.startswith("/v1/sinks/"):
            known["channel"] = [DESKTOP]
        if FETCHED in operation.path:
            [claimed] = self.clarion.pull.claim(DESKTOP, limit=1, lease=LONGEST, recipient="bob")
            known["delivery"] = [str(claimed.delivery)]
        said = operation.path_parameters
        return {one.name: known.get(one.name) or one.definition["schema"]["enum"] for one in said}

    def words(self) -> dict[str, list[Any]]:
        """Values for which something is found, and times that can be."""
        now = clock.now()
        known = {name: self.known[name] for name in ("event", "recipient", "channel")}
        soon = [(now + HOUR).isoformat()]
        return {**known, **WORDS, **dict.fromkeys(SOON, soon), "since": [(now - HOUR).isoformat()]}

    def only_here(self, operation: Any) -> dict[str, Any]:
        """Of a body, what no description can know."""
        match operation.label:
            case "POST /v1/events/{event}/move":
                return {"at": (clock.now() + timedelta(days=1)).isoformat()}
            case "POST /v1/session":
                return {"key": self.clarion.keys.issue("ops", ["operate"]).secret}
            case "POST /v1/selections/{selection}/apply":
                return {
                    "number": self.clarion.desk("fuzz").selection(UUID(self.known["selection"][0])).number
                }
        return {}


def types(clarion: Clarion) -> None:
    """Those of which the examples of the description speak."""
    clarion.type("cl.merged", channels=["inbox", "email", DESKTOP], category="reviews")
    clarion.type("ci.broken", channels=["inbox"], category="builds", severity="urgent")


def populated(clarion: Clarion) -> World:
    """People, events that were told and one that waits, a mail that cannot go out, a silence, and the service."""
    types(clarion)
    for id in PEOPLE:
        addresses = {"email": f"{id}@acme.test", DESKTOP: "laptop"}
        clarion.recipients.upsert(id, time_zone="Europe/Berlin", addresses=addresses)
    told = [
        emit(clarion, "ci.broken", to=["bob"], actor="carol", condition="build/main/broken", tags=["a"]),
        *(_merged(clarion, n) for n in range(40, 48)),
    ]
    waits = emit(clarion, "cl.merged", to=["bob"], at=clock.now() + timedelta(days=1))
    asyncio.run(_decided(clarion, len(told)))
    silence = clarion.silence(
        {"type": "ci.*"}, author="carol", comment="it is known", until=clock.now() + timedelta(days=1)
    )
    desk, items = clarion.desk("fuzz"), clarion.inbox.list("bob").items
    app = create_app(clarion, Settings(tokens=TokenSettings(secret=SECRET), rate=1e9, recipient_rate=1e9))
    app.state.service.streams.stop()  # a stream ends as soon as it has begun, like every answer
    app.state.service.fetching.stop()  # nor does anybody wait for something to fetch
    client = _client(app)
    return World(
        clarion=clarion,
        app=app,
        client=client,
        who=_who(clarion, client),
        known={
            "event": [str(id) for id in (waits, *told[:3])],
            "item": [str(item.id) for item in sorted(items, key=lambda item: item.event.thread is None)],
            "recipient": list(PEOPLE),
            "delivery": [str(one.id) for one in desk.deliveries().items[:4]],
            "silence": [str(silence)],
            "channel": ["email", DESKTOP],
            "selection": [str(desk.preview_cancel(channel="email").id)],
            "key": [str(clarion.keys.issue("spare", ["metrics"]).key.id)],
        },
    )


def _client(app: FastAPI) -> asgi.ASGIClient:
    """One for all requests. It keeps no cookie: whoever asks says who they are each time."""
    client = asgi.get_client(app)
    client.trust_env = False
    client.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def _who(clarion: Clarion, client: asgi.ASGIClient) -> Who:
    secret, little = (clarion.keys.issue("all", scopes).secret for scopes in (SCOPES, ["metrics"]))
    session = client.post("/v1/session", json={"key": secret})
    return Who(
        key={**_bearer(secret), "Clarion-Recipient": "bob"},
        person=_bearer(sign(SECRET, "bob", lasts=timedelta(hours=20))),
        operator={"Cookie": f"{COOKIE}={session.cookies[COOKIE]}", "Clarion-CSRF": session.json()["csrf"]},
        strangers=[_bearer(little), {}, _bearer("clk_" + "A" * 43), _bearer("a.b.c")],
    )


def _merged(clarion: Clarion, n: int) -> Any:
    change = f"cl/{n}"
    return emit(
        clarion,
        "cl.merged",
        to=list(PEOPLE),
        subject=change,
        thread=change,
        key=change,
        data={"title": "Merged"},
    )


async def _decided(clarion: Clarion, number: int) -> None:
    async with working(clarion):
        await until(lambda: len(clarion.inbox.list("bob").items) == number)


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
