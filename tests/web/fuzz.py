"""Every operation of the API, asked with what its description allows and with what it does not: by schemathesis.

    python -m tests.web.fuzz --examples 1000 --database sqlite --only "POST /v1/events"

It must find no server error, and no status, content or header that the description does not know of.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, strategies
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from clarion import Clarion, clock
from clarion.api_key import SCOPES
from clarion.channels.email import Email
from clarion.web import openapi
from clarion.web.app import create_app
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.support.postgres import FAST, Postgres
from tests.support.working import emit, until, working
from tests.web.conftest import SECRET

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
PEOPLE = ("bob", "carol")
SOON = (clock.now() + timedelta(days=2)).isoformat()
SENSIBLE: dict[str, list[Any]] = {
    "type": ["letter", "door"],
    "scope": ["*", "type:letter", "category:doors"],
    "scopes": [["metrics"], list(SCOPES)],
    "channel": ["email", "inbox"],
    "channels": [["email"], ["inbox", "email"], []],
    "addresses": [{}, {"email": "bob@acme.test"}, {"email": ["a@acme.test", "b@acme.test"]}],
    "severity": ["info", "urgent", None],
    "time_zone": ["Europe/Paris", None],
    "locale": ["de", None],
    "to": [["bob"], {"author": ["carol"]}, {"author": [{"everyone": True}]}],
    **{name: [SOON, None] for name in ("at", "until", "silent_until", "expires_at")},
}
# Of an event's fields, many at once are hardly ever all right: mostly one of these is said, or none.
ONE_OF = ("actor", "subject", "thread", "topic", "key", "condition", "tags", "data", "url", "correlation_id")
NOWHERE = "smtp://127.0.0.1:9"


@dataclass(slots=True)
class World:
    """`known`: what is there, by the name of the path's parameter. `statuses`: how often each was answered."""

    clarion: Clarion
    app: FastAPI
    known: dict[str, list[str]]
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def callers(self, operation: Any) -> list[Mapping[str, str]]:
        """Those who may, by what the operation says that it needs."""
        need = operation.definition.raw.get(openapi.NEEDS)
        return [self._somebody(), self._person] if need is None or need["own"] else [self._somebody()]

    def strangers(self) -> list[Mapping[str, str]]:
        little = self.clarion.keys.issue("little", ["metrics"]).secret
        return [{}, _bearer(little), _bearer("clk_" + "A" * 43), _bearer("a.b.c")]

    def _somebody(self) -> Mapping[str, str]:
        """With a new key each time: one of the operations revokes them."""
        return {**_bearer(self.clarion.keys.issue("all", SCOPES).secret), "Clarion-Recipient": "bob"}

    @property
    def _person(self) -> Mapping[str, str]:
        return _bearer(sign(SECRET, "bob", lasts=timedelta(hours=20)))


def types(clarion: Clarion) -> None:
    clarion.type("letter", channels=["inbox", "email"], category="letters")
    clarion.type("door", channels=["inbox"], category="doors", severity="urgent")


def populated(clarion: Clarion) -> World:
    """People, events that were told and one that waits, a mail that cannot go out, a silence, and the service."""
    types(clarion)
    for id in PEOPLE:
        clarion.recipients.upsert(id, time_zone="Europe/Berlin", addresses={"email": f"{id}@acme.test"})
    told = [
        emit(
            clarion,
            "letter",
            to=list(PEOPLE),
            subject="cl/1",
            thread="cl/1",
            key="one",
            data={"title": "One"},
        ),
        emit(clarion, "door", to=["bob"], actor="carol", condition="door/open", tags=["a"]),
    ]
    waits = emit(clarion, "letter", to=["bob"], at=clock.now() + timedelta(days=1))
    asyncio.run(_decided(clarion, len(told)))
    clarion.silence(
        {"type": "door"}, author="carol", comment="it is known", until=clock.now() + timedelta(days=1)
    )
    desk = clarion.desk("fuzz")
    app = create_app(clarion, Settings(tokens=TokenSettings(secret=SECRET), rate=1e9, recipient_rate=1e9))
    app.state.service.streams.stop()  # a stream ends as soon as it has begun, like every answer
    return World(
        clarion=clarion,
        app=app,
        known={
            "event": [str(id) for id in (*told, waits)],
            "item": [str(item.id) for item in clarion.inbox.list("bob").items],
            "recipient": list(PEOPLE),
            "delivery": [str(one.id) for one in desk.deliveries().items],
            "address": [str(one.id) for one in desk.addresses()],
            "silence": [str(one.id) for one in clarion.silences()],
            "channel": ["email"],
            "selection": [str(desk.preview_cancel(channel="email").id)],
            "key": [str(clarion.keys.issue("spare", ["metrics"]).key.id)],
        },
    )


async def _decided(clarion: Clarion, number: int) -> None:
    async with working(clarion):
        await until(lambda: len(clarion.inbox.list("bob").items) == number)


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


# ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────


def operations(found: World) -> list[Any]:
    """Those of the description, as schemathesis reads it; last those after which something is gone."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", found.app)
    all_of_them = [one.ok() for one in schema.get_all_operations()]
    ending = ("/deactivate", "/v1/recipients/{recipient}")
    return sorted(all_of_them, key=lambda one: (one.method == "delete", one.path.endswith(ending)))


def ask(found: World, operation: Any, examples: int, *, seed: int | None = None) -> None:
    """So many cases of one operation. Raises what a check finds, made as small as it can be."""
    asking = strategies.sampled_from(found.callers(operation) * 4 + found.strangers())

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=_cases(operation), who=asking, data=strategies.data())
    def run(case: Any, who: Mapping[str, str], data: Any) -> None:
        for name, known in found.known.items():
            # Mostly of something that is there; else hardly more than 404 would be seen.
            if name in (case.path_parameters or {}) and data.draw(strategies.integers(0, 3)):
                case.path_parameters[name] = data.draw(strategies.sampled_from(known))
        if isinstance(case.body, dict) and data.draw(strategies.integers(0, 2)):
            _make_sense(case.body, data)
        response = case.call(headers=dict(who))
        found.statuses[operation.label, response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    (run if seed is None else hypothesis.seed(seed)(run))()


def _make_sense(body: dict[str, Any], data: Any) -> None:
    """A value that is declared, or to come, wherever something is said that must be: a description cannot say it."""
    for name, values in SENSIBLE.items():
        if name in body:
            body[name] = data.draw(strategies.sampled_from(values))
    if "type" in body and data.draw(strategies.integers(0, 3)):
        kept = data.draw(strategies.sampled_from(ONE_OF))
        for name in ONE_OF:
            if name != kept:
                body.pop(name, None)
    for name in ("events", "recipients", "preferences"):
        for one in body.get(name) if isinstance(body.get(name), list) else ():
            if isinstance(one, dict):
                _make_sense(one, data)


def _cases(operation: Any) -> Any:
    """What fits the description, and, where anything can be wrong, what does not."""
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.body or operation.query or operation.path_parameters):
        return right
    return right | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


# ── As a command ─────────────────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.web.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="of each operation (default: 1000)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", default="", help="operations whose name holds this")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args(arguments)
    logging.getLogger("clarion").addHandler(logging.StreamHandler(sys.stderr))
    print(f"seed {options.seed}", flush=True)
    with _application(options.database) as clarion:
        found = populated(clarion)
        chosen = [one for one in operations(found) if options.only in one.label]
        wrong = [one.label for one in chosen if not _passes(found, one, options)]
        schemathesis.python.asgi.shutdown_lifespans()
    print(
        f"{sum(found.statuses.values()):,} cases of {len(chosen)} operations; with findings: {wrong or 'none'}"
    )
    return 1 if wrong else 0


def _passes(found: World, operation: Any, options: argparse.Namespace) -> bool:
    finding = ""
    try:
        ask(found, operation, options.examples, seed=options.seed)
    except Exception as error:  # noqa: BLE001 - to be told, and the others asked all the same
        finding = f"\n✗ {error}"
    answered = {
        status: n for (label, status), n in sorted(found.statuses.items()) if label == operation.label
    }
    print(f"{operation.label}: {sum(answered.values())} cases {answered}{finding}", flush=True)
    return not finding


@contextmanager
def _application(database: str) -> Iterator[Clarion]:
    with _empty(database) as url:
        clarion = Clarion(url, channels=[Email(NOWHERE, sender="Acme <hello@acme.test>")])
        clarion.migrate()
        yield clarion
        clarion.close()


@contextmanager
def _empty(database: str) -> Iterator[str]:
    if database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'fuzz.db'}"
    else:
        with Postgres(FAST) as server:
            yield server.create_database("fuzz")


if __name__ == "__main__":
    sys.exit(main())
