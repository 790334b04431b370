"""A recipient's API in memory, which misbehaves when told to: drops the stream, answers 500 or 401, is slow.

It speaks what src/clarion/web speaks, and is used for the faults that a real service cannot be told to make.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.browser.recipient_inbox import Inbox

STATIC = Path(__file__).parents[2] / "src" / "clarion" / "web" / "static"
STRICT = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Backend:
    """The service at `url`; each recipient has an inbox of their own."""

    def __init__(self) -> None:
        self.inboxes: dict[str, Inbox] = {}
        self.requests: list[tuple[str, str]] = []
        self.fails: dict[str, list[int]] = {}
        self.slow: dict[str, float] = {}
        self.retry_after: str | None = None
        self._silenced = 0
        self.streams: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.closed = False
        self.token_life = 600.0
        self._pages: dict[str, tuple[str, dict[str, str]]] = {}
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop
        self._changed: asyncio.Condition
        self._cut = 0

    # ── what tests ask for ──

    def inbox(self, recipient: str) -> Inbox:
        return self.inboxes.setdefault(recipient, Inbox(self._wake))

    def token(self, recipient: str) -> str:
        now = time.time()
        claims = {"sub": recipient, "tenant": "default", "iat": now, "exp": now + self.token_life}
        return f"{_part({'alg': 'none'})}.{_part(claims)}.{next(self._numbers)}"

    def page(self, body: str, *, head: str = "", csp: str | None = None, lang: str = "en") -> str:
        """An address that answers this page."""
        path = f"/page/{next(self._numbers)}"
        script = '<script type="module" src="/static/clarion.js"></script>'
        text = f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Page</title><meta name="viewport" content="width=device-width">{head}{script}<body><main><h1>Page</h1>{body}</main>'
        self._pages[path] = text, {"Content-Security-Policy": csp} if csp else {}
        return self.url + path

    def fail(self, path: str, *statuses: int) -> None:
        """The next answers to requests whose path ends so."""
        self.fails.setdefault(path, []).extend(statuses)

    def drop_streams(self, *, closed: bool = False) -> None:
        """Ends every stream; `closed`: and refuses new ones until `closed` is false again."""
        self.closed = closed
        self._cut += 1
        self._wake()

    def silence_streams(self) -> None:
        """Those that are open stay open, and say nothing more."""
        self._silenced = next(self._numbers)

    def count(self, method: str, path: str) -> int:
        return sum(1 for m, p in self.requests if m == method and p.startswith(path))

    # ── its life ──

    def start(self) -> None:
        with contextlib.closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(
            self._application(),
            port=port,
            log_level="critical",
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the back end did not start at {self.url}")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self.drop_streams(closed=True)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Condition()
        await self._server.serve()

    def _wake(self) -> None:
        async def tell() -> None:
            async with self._changed:
                self._changed.notify_all()

        with contextlib.suppress(RuntimeError):  # the loop has ended
            asyncio.run_coroutine_threadsafe(tell(), self._loop)

    # ── what it answers ──

    def _application(self) -> Starlette:
        own = [
            Route("/v1/inbox", self._own(self._list)),
            Route("/v1/inbox/counts", self._own(self._counts)),
            Route("/v1/inbox/stream", self._own(self._stream)),
            Route("/v1/inbox/{id}/why", self._own(self._why)),
            Route("/v1/inbox/{id}/{verb:path}", self._own(self._nothing), methods=["POST", "DELETE"]),
            Route("/v1/inbox/{verb}", self._own(self._change), methods=["POST"]),
            Route("/v1/me", self._own(self._me), methods=["GET", "PATCH"]),
        ]
        return Starlette(
            middleware=[Middleware(GZipMiddleware)],  # which leaves event streams alone
            routes=[
                *own,
                Route("/token/{recipient}", self._token, methods=["POST"]),
                Route("/page/{number}", self._page),
                Route("/favicon.ico", lambda _: Response(status_code=204)),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
        )

    def _own(
        self, answer: Callable[[Request, Inbox], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            path = request.url.path
            self.requests.append((request.method, path))
            if delay := self.slow.get(path.rsplit("/", 1)[-1]):
                await asyncio.sleep(delay)
            for ending, statuses in self.fails.items():
                if path.endswith(ending) and statuses:
                    return problem(statuses.pop(0), self.retry_after)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not token or token in self.refused:
                return problem(401)
            payload = token.split(".")[1]
            recipient = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
            return await answer(request, self.inbox(recipient))

        return endpoint

    async def _list(self, request: Request, inbox: Inbox) -> Response:
        return JSONResponse(inbox.page(dict(request.query_params)))

    async def _counts(self, request: Request, inbox: Inbox) -> Response:
        return JSONResponse(inbox.counts())

    async def _change(self, request: Request, inbox: Inbox) -> Response:
        body = await request.json()
        return JSONResponse(inbox.change(request.path_params["verb"], body["ids"], body.get("until")))

    async def _why(self, request: Request, inbox: Inbox) -> Response:
        return JSONResponse(inbox.why(request.path_params["id"]))

    async def _nothing(self, request: Request, inbox: Inbox) -> Response:
        inbox.said.append((request.method, request.path_params["verb"], request.path_params["id"]))
        return Response(status_code=204)

    async def _me(self, request: Request, inbox: Inbox) -> Response:
        if request.method == "PATCH":
            inbox.patch(await request.json())
        return JSONResponse(inbox.me)

    async def _stream(self, request: Request, inbox: Inbox) -> Response:
        if self.closed:
            return problem(503)
        after = int(request.query_params["after"])
        return StreamingResponse(self._events(request, inbox, after), media_type="text/event-stream")

    async def _events(self, request: Request, inbox: Inbox, after: int) -> AsyncIterator[str]:
        cut, began, number = self._cut, inbox.feed, next(self._numbers)
        self.streams["open"] += 1
        self.streams["ever"] += 1
        try:
            yield ": here\n\n"
            while self._cut == cut and not await request.is_disconnected():
                heard = [] if number < self._silenced else list(inbox.changes)
                if news := [change for change in heard if change["seq"] > after]:
                    after = news[-1]["seq"]
                    yield "".join(event(change, replayed=change["seq"] <= began) for change in news)
                async with self._changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), 0.05 if not news else 0.001)
        finally:
            self.streams["open"] -= 1

    async def _token(self, request: Request) -> Response:
        self.requests.append(("POST", "/token"))
        return JSONResponse({"token": self.token(request.path_params["recipient"])})

    async def _page(self, request: Request) -> Response:
        text, headers = self._pages[request.url.path]
        return HTMLResponse(text, headers=headers)


def event(change: dict[str, Any], *, replayed: bool) -> str:
    if change["kind"] == "reset":
        return f"id: {change['seq']}\nevent: reset\ndata: {{}}\n\n"
    data = {name: value for name, value in change.items() if name != "seq"} | {"replayed": replayed}
    return f"id: {change['seq']}\nevent: change\ndata: {json.dumps(data)}\n\n"


def problem(status: int, retry_after: str | None = None) -> Response:
    body = {"type": "about:blank", "title": f"Told to answer {status}", "status": status}
    headers = {"Retry-After": retry_after} if retry_after else None
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def ago(**duration: float) -> str:
    return (datetime.now(UTC) - timedelta(**duration)).isoformat()
