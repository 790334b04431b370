"""A way straight to the route that is asked most: what FastAPI puts around every route costs as much as its answer does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from clarion.web import problem


class Straight:
    """An ASGI application around another, whose route for `POST` at this path is called from here.

    The route stays where it is: it is asked when the application is mounted below another path, and described from there.
    """

    def __init__(self, app: ASGIApp, path: str, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._app, self._path, self._answer = app, path, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_meant(scope):
            await self._app(scope, receive, send)
            return
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - each becomes an answer
            response = problem.of(error).response()
        await response(scope, receive, send)

    def _is_meant(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["path"] == self._path
            and scope["method"] == "POST"
            and not scope.get("root_path")
        )
