"""`POST /v1/events`: one event or many, as JSON or CloudEvents; answered when they are durable.

The hot path of the service: a plain route, which reads the body itself and stores with others (see `committer`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from clarion import clock, ids, tracing
from clarion.errors import InvalidInput, shown
from clarion.event import Event, EventFields
from clarion.web import cloudevents, json_body
from clarion.web.caller import Caller
from clarion.web.event_body import fields_of
from clarion.web.need import Need
from clarion.web.problem import Problem
from clarion.web.service import Service, service_of
from clarion.web.shapes import Preview

NEED = Need("events:write")
_IN_A_THREAD = 100  # events: to check more takes so long that others would wait for it
_DRY_RUN_MOST = 100  # recipients whom a dry run tells of


async def emit(request: Request) -> Response:
    """Raises what `problem` knows how to answer."""
    service = service_of(request)
    caller = NEED.check(await service.door.caller(request))
    bodies, many = _bodies(request, await request.body())
    _check_number(bodies, service)
    if "idempotency-key" in request.headers:
        _take_key(request.headers["idempotency-key"], bodies, many)
    if request.scope["query_string"] and _dry_run(request):
        return Response(await _preview(service, caller, bodies, many), media_type="application/json")
    if len(bodies) > _IN_A_THREAD:
        made = await asyncio.to_thread(_made, service, caller, bodies, many)
    else:
        made = _made(service, caller, bodies, many)
    stored = await _stored(service, made)
    content = '{"ids":["' + '","'.join(map(str, stored)) + '"]}' if many else f'{{"id":"{stored[0]}"}}'
    return Response(content, 202, media_type="application/json")


def _bodies(request: Request, body: bytes) -> tuple[list[Any], bool]:
    """Each event as JSON, and whether they came as many."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "ce-specversion" in request.headers:
        if content_type and content_type != "application/json" and not content_type.endswith("+json"):
            raise _of_another_kind(content_type)
        return [cloudevents.binary(request.headers.raw, body)], False
    if content_type == "application/json":
        said = json_body.parse(body)
        if not isinstance(said, Mapping) or "events" not in said:
            return [said], False
        if len(said) > 1:
            raise InvalidInput("beside `events` there is nothing else; each of them says all of itself")
        return _listed("events", said["events"]), True
    if content_type == cloudevents.STRUCTURED:
        return [cloudevents.structured(json_body.parse(body))], False
    if content_type == cloudevents.BATCHED:
        return [cloudevents.structured(one) for one in _listed("a batch", json_body.parse(body))], True
    raise _of_another_kind(content_type)


def _of_another_kind(content_type: str) -> Problem:
    known = f"application/json, {cloudevents.STRUCTURED} or {cloudevents.BATCHED}"
    return Problem("media-type", f"content-type {content_type[:80]!r}: send {known}")


def _listed(what: str, said: object) -> list[Any]:
    if not isinstance(said, list) or not said:
        raise InvalidInput(f"{what} must be a list that is not empty, got {shown(said)}")
    return said


def _check_number(bodies: list[Any], service: Service) -> None:
    if len(bodies) > (most := service.settings.events_limit):
        raise Problem(
            "too-large", f"{len(bodies):,} events in one request, at most {most:,}; send them in parts"
        )


def _take_key(key: str, bodies: list[Any], many: bool) -> None:
    """The header stands for the event's own `key`."""
    if many:
        raise InvalidInput("Idempotency-Key is for one event; of many, each says its own key")
    body = bodies[0]
    if isinstance(body, dict):
        if body.get("key") not in (None, key):
            raise InvalidInput(
                f"key {shown(body['key'])} and Idempotency-Key {shown(key)} differ; send one of them"
            )
        body["key"] = key


def _made(service: Service, caller: Caller, bodies: list[Any], many: bool) -> list[Event]:
    """The events, checked. Raises `InvalidInput`, which says the place of the first wrong one among many."""
    made: list[Event] = []
    now, tenant, checked = clock.now(), caller.tenant, service.clarion.checked
    try:
        for body, id in zip(bodies, ids.several(len(bodies)), strict=True):
            type, fields = fields_of(body, tenant)
            made.append(checked(type, fields, id, now))
    except InvalidInput as error:
        if many:
            error.args = (f"events[{len(made)}]: {error}",)
        raise
    return made


async def _stored(service: Service, made: Sequence[Event]) -> list[UUID]:
    """Their ids, once they are durable. A span of it goes with them, where spans are taken."""
    with tracing.emitting(made) as span:
        if span is not None:
            carrier = span.carrier
            made = [replace(one, trace_context=carrier) for one in made]
        return await service.committer.emit(made)


# ── Only asking ──────────────────────────────────────────────────────────────────────────────────────────


def _dry_run(request: Request) -> bool:
    for name in request.query_params:
        if name != "dry_run":
            raise InvalidInput(f"the query parameter {shown(name)} is not known here; there is dry_run")
    said = request.query_params["dry_run"]
    if said not in ("true", "false"):
        raise InvalidInput(f"dry_run must be true or false, got {shown(said)}")
    return said == "true"


async def _preview(service: Service, caller: Caller, bodies: list[Any], many: bool) -> str:
    """What would be decided, with nothing stored: it shows what recipients chose, and so needs more than to emit."""
    Need("events:read").check(caller)
    if many:
        raise InvalidInput("a dry run is of one event; send it alone")
    type, given = fields_of(bodies[0], caller.tenant)
    fields: EventFields = given
    found = await service.run(lambda: service.clarion.simulate(type, most=_DRY_RUN_MOST, **fields))
    return Preview.of(found).model_dump_json()
