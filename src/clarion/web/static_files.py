"""The browser components as files: read when the service is made, so that no path leads anywhere else."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clarion.web.problem import Problem

KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ts": "text/plain",
}
# Asked for again each time, and hardly ever sent again: after an upgrade no page mixes files of two versions for long.
_CACHED = "public, no-cache"


@dataclass(frozen=True, slots=True)
class File:
    kind: str
    content: bytes
    packed: bytes
    tag: str


def routes() -> list[Route]:
    """Below `/static`: the components find the service one level above their own folder."""
    files = read(resources.files("clarion.web").joinpath("static"))

    async def answer(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            raise Problem("not-found", "there is no such file; clarion.js is one")
        return answer_with(file, request)

    return [Route("/static/{path:path}", answer, methods=["GET", "HEAD"])]


def read(folder: Traversable, path: str = "") -> Mapping[str, File]:
    """The files of a folder, by their path in it."""
    found: dict[str, File] = {}
    for one in folder.iterdir():
        if one.is_dir():
            found |= read(one, f"{path}{one.name}/")
            continue
        kind = next((kind for ending, kind in KINDS.items() if one.name.endswith(ending)), None)
        if kind is not None:
            content = one.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:32]
            found[path + one.name] = File(kind, content, gzip.compress(content, mtime=0), tag)
    return found


def answer_with(file: File, request: Request) -> Response:
    packed = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'W/"{file.tag}"'
    headers = {
        "ETag": tag,
        "Cache-Control": _CACHED,
        "Vary": "Accept-Encoding, Origin",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if packed else file.content, headers=headers, media_type=file.kind)
