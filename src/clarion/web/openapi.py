"""The description of the API: every operation with what it needs, and every status that it answers with."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from clarion.web import bodies, cloudevents, emitting, shapes
from clarion.web.need import Need
from clarion.web.problem import KINDS, MEDIA_TYPE

EVENTS = "/v1/events"
NEEDS = "x-clarion-needs"
DESCRIPTION = (
    "Emit events, manage recipients and what they want to be told. Every refusal is a problem (RFC 9457). "
    "A key or token is sent as `Authorization: Bearer`; what belongs to others is answered with 404."
)
_REF = "#/components/schemas/{model}"
_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key (`clk_…`), for programs."},
    "recipient": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A recipient's token.",
    },
    "operator": {
        "type": "apiKey",
        "in": "cookie",
        "name": "clarion_session",
        "description": "See /v1/session.",
    },
}
_TITLES = {**dict(KINDS.values()), 403: KINDS["forbidden"][1], 422: KINDS["invalid"][1]}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
_HEADERS = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}


def version() -> str:
    return metadata.version("clarion")


def needs(app: FastAPI) -> dict[tuple[str, str], Need | None]:
    """What each operation needs, by (method, path); `None`: nothing."""
    found: dict[tuple[str, str], Need | None] = {("POST", EVENTS): emitting.NEED}
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                found[method, route.path_format] = _need(route)
    return found


def described(app: FastAPI) -> dict[str, Any]:
    """The whole description, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _describe_emitting(made)
        for (method, path), need in needs(app).items():
            _complete(made["paths"][path][method.lower()], need)
        made["components"]["securitySchemes"] = _SECURITY
        made["components"]["schemas"].pop("HTTPValidationError", None)
        made["components"]["schemas"].pop("ValidationError", None)
        app.openapi_schema = made
    return app.openapi_schema


def _need(route: APIRoute) -> Need | None:
    return next((one.call for one in route.dependant.dependencies if isinstance(one.call, Need)), None)


def _complete(operation: dict[str, Any], need: Need | None) -> None:
    """What FastAPI does not know: who may, and how it refuses."""
    statuses = {422, 500, 503}
    if need is not None:
        operation["security"] = [{kind: []} for kind in need.kinds()]
        operation[NEEDS] = {"scope": need.scope, "own": need.own, "fetches": need.fetches}
        statuses |= {401, 403, 429}
    if "requestBody" in operation:
        statuses |= {413}
    if any(one.get("in") == "path" for one in operation.get("parameters", ())) or need is not None:
        statuses |= {404}
    for status in statuses | {int(code) for code in operation.pop("x-refuses", ())}:
        operation["responses"][str(status)] = _refusal(status)


def _refusal(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Refusal")}}}
    said: dict[str, Any] = {"description": _TITLES[status], "content": content}
    return {**said, "headers": _HEADERS[status]} if status in _HEADERS else said


def _describe_emitting(made: dict[str, Any]) -> None:
    """The one operation that FastAPI does not see."""
    models: list[type[BaseModel]] = [
        bodies.EventBody,
        bodies.Events,
        shapes.Id,
        shapes.Ids,
        shapes.Preview,
        shapes.Refusal,
    ]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas = made["components"]["schemas"]
    schemas.update({name: one for name, one in definitions["$defs"].items() if name not in schemas})
    cloud = {
        "type": "object",
        "required": ["specversion", *cloudevents.REQUIRED],
        "properties": {
            "specversion": {"const": cloudevents.VERSION},
            **{name: {"type": "string", "minLength": 1} for name in cloudevents.REQUIRED},
        },
        "examples": [cloudevents.EXAMPLE],
    }
    made["paths"].setdefault(EVENTS, {}).update(
        post={
            "tags": ["events"],
            "summary": "Emit",
            "operationId": "emit",
            "description": emitting.__doc__,
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "Stands for the `key` of one event.",
                    "schema": {"type": "string", "maxLength": 255},
                },
                {
                    "name": "dry_run",
                    "in": "query",
                    "description": "Store nothing, and say what would be decided; needs events:read, too.",
                    "schema": {"type": "boolean", "default": False},
                },
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"anyOf": [_ref("EventBody"), _ref("Events")]},
                    },
                    cloudevents.STRUCTURED: {"schema": cloud},
                    cloudevents.BATCHED: {
                        "schema": {"type": "array", "items": cloud, "examples": [[cloudevents.EXAMPLE]]}
                    },
                },
            },
            "responses": {
                "202": _json("Stored, durably.", {"anyOf": [_ref("Id"), _ref("Ids")]}),
                "200": _json("What would be decided, of a dry run.", _ref("Preview")),
            },
            "x-refuses": [409, 413, 415],
        }
    )


def _ref(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
