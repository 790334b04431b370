"""How pages are declared: an address, what it needs of whoever asks, and the function that answers.

Nothing is answered before the need is met; what goes wrong is answered with a page, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from clarion.web import problem
from clarion.web.caller import Caller
from clarion.web.console import refusing, said
from clarion.web.console.menu import CONSOLE
from clarion.web.console.page import Page, zone_of
from clarion.web.need import Need
from clarion.web.service import service_of

Answer = Callable[[Page], Awaitable[Response]]
Method = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One page, or one thing that can be done. `path`: below the console, with `{names}`. `scope`: as of a key."""

    method: Method
    path: str
    scope: str
    answer: Answer

    def route(self) -> Route:
        return Route(CONSOLE + self.path, partial(_answered, self), methods=[self.method], name=self.path)


class Pages:
    """Those of one part of the console, in the order in which they are declared."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def get(self, path: str, scope: str = "observe") -> Callable[[Answer], Answer]:
        """A page: what it shows changes nothing."""
        return self._declaring("GET", path, scope)

    def post(self, path: str, scope: str) -> Callable[[Answer], Answer]:
        """Something that is done with a form; it answers by going on to a page."""
        return self._declaring("POST", path, scope)

    def _declaring(self, method: Method, path: str, scope: str) -> Callable[[Answer], Answer]:
        def declare(answer: Answer) -> Answer:
            self.declared.append(Declared(method=method, path=path, scope=scope, answer=answer))
            return answer

        return declare


async def _answered(declared: Declared, request: Request) -> Response:
    caller: Caller | None = None
    try:
        service, zone = service_of(request), zone_of(request)
        form = await said.of_form(request, zone.info) if declared.method == "POST" else None
        caller = await service.door.operator(request, None if form is None else form.get("csrf"))
        Need(declared.scope).check(caller)
        page = Page(request=request, service=service, caller=caller, zone=zone, form=form)
        return await declared.answer(page)
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a person waits for a page
        return refusing.answer(request, problem.of(error), caller)
