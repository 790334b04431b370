"""The pages of Acme's application: two people side by side, what they do, and the way into the console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from clarion.api_key import ApiKey
from clarion.app import Clarion
from clarion.demo import mailbox, product
from clarion.demo.flow import Flow
from clarion.demo.pages import local, page, static_files
from clarion.demo.people import Person, people
from clarion.demo.product import Deed
from clarion.demo.story import story
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.web import health, json_body
from clarion.web.problem import Problem
from clarion.web.service import service_of
from clarion.web.tokens import sign

TOKENS_LAST = timedelta(minutes=5)
LEFT, RIGHT = "codertocat", "sam-lee"
# What Acme's events lead to: on this page there is but one of each.
_LEADS_HERE = ("changes", "design", "incidents", "invoices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`secret`: with which recipients' tokens are signed. `key`: the operator's, with which the console is entered."""

    clarion: Clarion
    secret: str
    key: ApiKey
    flow: Flow
    mails: Path

    def routes(self) -> list[Route]:
        return [
            local("/", self.home),
            local("/as/{person}", self.pane),
            local("/as/{person}/review", self.review),
            local("/as/{person}/token", self.token, "POST"),
            local("/as/{person}/{deed}", self.do, "POST"),
            local("/acme/story/{event:uuid}", self.story),
            local("/acme/flow", self.flowing, "GET", "POST"),
            local("/acme/console", self.console),
            *(local(f"/{name}/{{rest:path}}", self.elsewhere) for name in _LEADS_HERE),
            local("/metrics", self.metrics),
            *static_files(),
            *mailbox.routes(self.mails),
        ]

    # ── Pages ────────────────────────────────────────────────────────────────────────────────────────────

    async def home(self, request: Request) -> Response:
        left = _person(request.query_params.get("left", LEFT))
        right = _person(request.query_params.get("right", RIGHT))
        return page("home", left=left, right=right, people=_present())

    async def pane(self, request: Request) -> Response:
        """One of the two, framed by the page above."""
        me, other = _me(request), _person(request.query_params.get("with", RIGHT))
        return page(
            "pane",
            framed=True,
            me=me,
            other=other,
            title=product.TITLE,
            author=_person(product.AUTHOR),
            reviewers=[_person(id) for id in product.REVIEWERS],
            text_most=product.TEXT_MOST,
        )

    async def elsewhere(self, _request: Request) -> Response:
        return RedirectResponse("/", 303)

    async def console(self, request: Request) -> Response:
        """Signed in, without being asked: whoever sits here has started the demo."""
        response = RedirectResponse("/console", 303)
        service_of(request).sessions.begin(self.key, request, response)
        return response

    async def metrics(self, request: Request) -> Response:
        """Open, unlike Clarion's own: for whoever sits here."""
        return await health.counted(service_of(request))

    # ── What the pages ask for ───────────────────────────────────────────────────────────────────────────

    async def token(self, request: Request) -> Response:
        """As an application answers its own page, for whom it has logged in."""
        return JSONResponse({"token": sign(self.secret, _me(request).id, lasts=TOKENS_LAST)})

    async def review(self, request: Request) -> Response:
        _me(request)
        found = await service_of(request).run(lambda: product.review(self.clarion))
        comments = [
            {
                "id": one.id,
                "author": _person(one.author).recipient.name,
                "text": one.text,
                "at": one.at.isoformat(),
            }
            for one in found.comments
        ]
        return JSONResponse({"comments": comments, "build": found.build, "incident": found.incident})

    async def do(self, request: Request) -> Response:
        """What the event was, if there is one to tell of."""
        me, name = _me(request), request.path_params["deed"]
        deed = product.DEEDS.get(name)
        if deed is None:
            raise Problem("not-found", str(UnknownName("deed", name, product.DEEDS)))
        body = _body(await request.body())
        done = Deed(by=me, other=_person(body.get("with", RIGHT)), text=body.get("text", ""))
        event = await service_of(request).run(lambda: deed(self.clarion, done))
        return JSONResponse({"event": None if event is None else str(event)}, 201)

    async def story(self, request: Request) -> Response:
        event: UUID = request.path_params["event"]
        return JSONResponse(await service_of(request).run(lambda: story(self.clarion, event)))

    async def flowing(self, request: Request) -> Response:
        """`{"paused": true}` holds GitHub's webhooks back."""
        if request.method == "POST":
            paused = json_body.parse(await request.body())
            if not isinstance(paused, dict) or not isinstance(paused.get("paused"), bool):
                raise InvalidInput(f'say {{"paused": true}} or {{"paused": false}}, got {shown(paused)}')
            self.flow.paused = paused["paused"]
        flow = self.flow
        return JSONResponse({"paused": flow.paused, "taken": flow.taken, "refused": flow.refused})


def _present() -> list[Person]:
    return [person for person in people() if person.recipient.active]


def _person(id: str) -> Person:
    for person in people():
        if person.id == id:
            return person
    raise Problem("not-found", str(UnknownName("person", id, [person.id for person in people()])))


def _me(request: Request) -> Person:
    return _person(request.path_params["person"])


def _body(content: bytes) -> dict[str, str]:
    """Raises `InvalidInput`, `Problem`."""
    said: Any = json_body.parse(content)
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise InvalidInput(f"the body is an object of texts, got {shown(said)}")
    return said
