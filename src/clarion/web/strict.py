"""Routes that read their bodies by `json_body`: FastAPI would take duplicate keys, NaN and half characters."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from clarion.web import json_body


class _Strict(Request):
    async def json(self) -> Any:
        return json_body.parse(await self.body())


class StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await answer(_Strict(request.scope, request.receive))

        return strictly
