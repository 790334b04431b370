"""The console's own files: kept by browsers for as long as their address names the version they have."""

from __future__ import annotations

from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clarion.web import static_files
from clarion.web.problem import Problem
from clarion.web.static_files import File

PATH = "/static/"
_FOR_GOOD = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, File]:
    return dict(static_files.read(resources.files("clarion.web.console").joinpath("static")))


def version(name: str) -> str:
    return _files()[name].tag[:12]


def route(prefix: str) -> Route:
    async def answer(request: Request) -> Response:
        file = _files().get(request.path_params["path"])
        if file is None:
            raise Problem("not-found", "there is no such file; pages name those that there are")
        made = static_files.answer_with(file, request)
        made.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.query_params.get("v") == file.tag[:12]:
            made.headers["Cache-Control"] = _FOR_GOOD
        return made

    return Route(prefix + PATH + "{path:path}", answer, methods=["GET"])
