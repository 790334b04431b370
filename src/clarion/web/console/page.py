"""One request for a page: who asks, what they say, and the ways to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from clarion.app import Clarion
from clarion.desk import Desk
from clarion.errors import InvalidInput
from clarion.web.caller import Caller
from clarion.web.console import look, menu, said, saying, times
from clarion.web.console.menu import CONSOLE
from clarion.web.console.said import Said
from clarion.web.console.times import Range, Zone
from clarion.web.need import Need
from clarion.web.problem import Problem
from clarion.web.service import Service

ZONE_COOKIE = "clarion_zone"  # the browser's own, written by the console's script

Result = TypeVar("Result")


@dataclass(kw_only=True)
class Page:
    """What a page is made from. `form` is there where something is done. All of `clarion` is called in `run`."""

    request: Request
    service: Service
    caller: Caller
    zone: Zone
    form: Said | None = None

    @property
    def clarion(self) -> Clarion:
        return self.service.clarion

    @property
    def tenant(self) -> str:
        return self.caller.tenant

    @cached_property
    def desk(self) -> Desk:
        """What operators see and do, noted by itself; called in `run`."""
        return self.clarion.desk(self.caller.name, tenant=self.tenant, scopes=self.caller.scopes)

    @cached_property
    def query(self) -> Said:
        return said.of_query(self.request, self.zone.info)

    @property
    def path(self) -> str:
        """Of this page, as it stands in its URL."""
        return self.request.url.path

    @property
    def address(self) -> str:
        """The whole of it: path and query."""
        return address_of(self.request)

    @property
    def said(self) -> Said:
        """The form, where something is done."""
        assert self.form is not None, "only what is declared with post has a form"  # noqa: S101 - a slip in our own code
        return self.form

    def text(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def id(self, name: str) -> UUID:
        """A part of the path; what is no id is not there."""
        try:
            return said.as_id(name, self.text(name))
        except InvalidInput as error:
            raise Problem("not-found", str(error)) from None

    def may(self, scope: str) -> bool:
        try:
            Need(scope).check(self.caller)
        except Problem:
            return False
        return True

    def range(self, default: str = "-24h") -> Range:
        """`from` and `to` of the URL."""
        return times.range_of(self.query.get("from"), self.query.get("to"), self.zone.info, default)

    async def run(self, work: Callable[[], Result]) -> Result:
        """`work`, which waits for the database, in a thread."""
        return await self.service.run(work)

    # ── Answering ──

    def show(self, template: str, /, *, status: int = 200, frames: bool = False, **context: Any) -> Response:
        """The page. `frames`: it may hold frames of this console."""
        sessions, request = self.service.sessions, self.request
        own = {
            "page": self,
            "menu": menu.shown(self.path.partition(CONSOLE)[2], self.may, self.url),
            "url": self.url,
            "here": self.here,
            "may": self.may,
            "csrf": sessions.of(request).csrf,
            "done": saying.now(sessions, request),
        }
        made = look.answer(request, self.zone, template, status=status, frames=frames, **own | context)
        if own["done"]:
            saying.over(request, made)
        return made

    def to(self, path: str, /, *, say: str | None = None, **query: object) -> Response:
        """Go on to this page of the console, after something was done; it says so once."""
        answer = RedirectResponse(look.url(self.request, path, self._carried(query)), 303)
        if say is not None:
            saying.later(self.service.sessions, self.request, answer, say)
        return answer

    def url(self, path: str, /, **query: object) -> str:
        """A page of the console, in the zone of this one. What is `None` is left out."""
        return look.url(self.request, path, self._carried(query))

    def here(self, **query: object) -> str:
        """This page, with that of its query changed; `None` takes it out. What pages through begins anew."""
        kept = [(name, value) for name, value in self.query.items() if name not in query and name != "after"]
        more = [(name, value) for name, value in query.items() if value is not None]
        return look.url(self.request, self.request.url.path.partition(CONSOLE)[2], [*kept, *more])

    def _carried(self, query: dict[str, object]) -> list[tuple[str, object]]:
        carried = {"zone": self.zone.asked, **query}
        return [(name, value) for name, value in carried.items() if value is not None]


def address_of(request: Request) -> str:
    """The address of this request, on this host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def zone_of(request: Request) -> Zone:
    """Raises `InvalidInput`."""
    return times.zone(request.query_params.get("zone") or None, request.cookies.get(ZONE_COOKIE))
