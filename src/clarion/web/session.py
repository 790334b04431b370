"""Operators sign in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from clarion import api_key
from clarion.web import bodies, shapes
from clarion.web.door import unknown
from clarion.web.need import Observer
from clarion.web.parameters import Parts
from clarion.web.problem import Problem
from clarion.web.sessions import Session
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1/session", tags=["session"], route_class=StrictRoute)


@router.post("", status_code=201, openapi_extra={"x-refuses": [401, 403]})
async def sign_in(
    body: bodies.SignIn, request: Request, response: Response, service: Parts
) -> shapes.Session:
    """Begin a session with a key that has the scope `observe` or `operate`. Its cookie is set; keep `csrf` beside it."""
    key = await service.keyring.of_secret(body.key)
    if key is None:
        raise unknown("this key is not known, has expired, or was revoked")
    if "observe" not in api_key.allowed(key.scopes):
        raise Problem("forbidden", "to sign in, a key needs the scope 'observe' or 'operate'")
    session = service.sessions.begin(key, request, response)
    return _shown(session, key.name, key.scopes)


@router.get("")
async def signed_in(caller: Observer, request: Request, service: Parts) -> shapes.Session:
    """Who is signed in, and the csrf token. For a session only: a key has none."""
    if caller.kind != "operator":
        raise Problem("not-found", "a key has no session; sign in with POST")
    return _shown(service.sessions.of(request), caller.name, sorted(caller.scopes))


@router.delete("", status_code=204)
async def sign_out(_caller: Observer, request: Request, response: Response, service: Parts) -> None:
    """End the session in this browser."""
    service.sessions.end(request, response)


def _shown(session: Session, name: str, scopes: tuple[str, ...] | list[str]) -> shapes.Session:
    return shapes.Session(
        tenant=session.tenant, name=name, scopes=list(scopes), ends=session.ends, csrf=session.csrf
    )
