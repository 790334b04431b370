"""Around everything: how large a body may be, the headers that every answer carries, and errors that nobody expected."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.web import problem
from clarion.web.problem import Problem

# What an answer says of itself unless its route says otherwise: nothing of it is a page, nothing may be kept.
HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


# Where an answer leaves what there is still to do, as `rest(receive, send)`, once everything within has returned.
REST = "clarion.rest"


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, body_limit: int) -> None:
        self._app, self._limit = app, body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in HEADERS.items() if name not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            self._check_announced(scope)
            await self._app(scope, self._counting(receive), sending)
            if (rest := scope.pop(REST, None)) is not None:
                _forget(scope)
                await rest(receive, send)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            if begun:
                raise
            await problem.of(error).response()(scope, receive, sending)

    def _check_announced(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value[:20]) > self._limit):
                raise self._too_large()

    def _counting(self, receive: Receive) -> Receive:
        """What is sent in chunks is counted as it comes, and read no further than the limit."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    raise self._too_large()
            return message

        return counted

    def _too_large(self) -> Problem:
        said = f"the body has more than {self._limit:,} bytes; send it in parts"
        return Problem("too-large", said, headers={"Connection": "close"})


def _forget(scope: Scope) -> None:
    """What FastAPI kept for its own part of the answer, which is over: more than all the rest of it needs."""
    kept = {name: value for name, value in scope.items() if not name.startswith("fastapi")}
    scope.clear()  # gives back the room that names took which are no longer there
    scope.update(kept)
