"""What a route needs of whoever asks, said where the route is declared; documents and tests read it from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from clarion.web.caller import Caller, Kind
from clarion.web.problem import Problem
from clarion.web.service import service_of


@dataclass(frozen=True, slots=True)
class Need:
    """`scope`: of a key, or of the operator's key. `own`: a recipient, who acts for nobody but themselves; or a key
    with the scope `inbox` that names one in `Clarion-Recipient`. `fetches`: a recipient, for themselves; or a key with
    the scope, for its tenant or whom it names. None of these: anybody who is known.
    """

    scope: str | None = None
    own: bool = False
    fetches: bool = False

    async def __call__(self, request: Request) -> Caller:
        """As FastAPI calls it. Raises a `Problem`: 401, 403, 429."""
        return self.check(await service_of(request).door.caller(request))

    def kinds(self) -> tuple[Kind, ...]:
        if self.own or self.fetches:
            return ("key", "recipient")
        return ("key", "operator") if self.scope else ("key", "recipient", "operator")

    def check(self, caller: Caller) -> Caller:
        """The caller, who may; raises a `Problem` 403."""
        if caller.kind not in self.kinds():
            raise Problem("forbidden", _NOT_FOR[caller.kind])
        if self.own:
            return caller if caller.kind == "recipient" else _acting(caller)
        if self.fetches and caller.kind == "recipient":
            return caller
        if self.scope is not None and not caller.may(self.scope):
            raise Problem("forbidden", f"this needs the scope {self.scope!r}; issue a key that has it")
        return caller if caller.recipient is None or self.fetches else replace(caller, recipient=None)


_NOT_FOR = {
    "recipient": "a recipient's token opens /v1/me, /v1/inbox and /v1/sinks, and no more; use a key",
    "operator": "this is a recipient's own; operators do not see it",
    "key": "a key does not open this",
}


def _acting(caller: Caller) -> Caller:
    if not caller.may("inbox"):
        raise Problem("forbidden", "to act for recipients, a key needs the scope 'inbox'")
    if caller.recipient is None:
        raise Problem("forbidden", "a key acts for one recipient: name them in the header Clarion-Recipient")
    return caller


Known = Annotated[Caller, Depends(Need())]
EventWriter = Annotated[Caller, Depends(Need("events:write"))]
EventReader = Annotated[Caller, Depends(Need("events:read"))]
RecipientReader = Annotated[Caller, Depends(Need("recipients:read"))]
RecipientWriter = Annotated[Caller, Depends(Need("recipients:write"))]
MetricsReader = Annotated[Caller, Depends(Need("metrics"))]
Observer = Annotated[Caller, Depends(Need("observe"))]
Operator = Annotated[Caller, Depends(Need("operate"))]
Providers = Annotated[Caller, Depends(Need("providers"))]
KeyKeeper = Annotated[Caller, Depends(Need("keys"))]
Fetcher = Annotated[Caller, Depends(Need("sinks", fetches=True))]
Me = Annotated[Caller, Depends(Need(own=True))]
