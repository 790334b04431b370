"""The HTTP service as a process, alone or with a worker beside it in the same event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import uvicorn
from starlette.routing import BaseRoute

from clarion.app import Clarion
from clarion.errors import ConfigError, said
from clarion.web.app import create_app
from clarion.web.protocol import BoundedHeads
from clarion.web.settings import Settings
from clarion.workers import process
from clarion.workers.process import Running

log = logging.getLogger(__name__)

BACKLOG = 2048  # connections that wait to be taken


class _Server(uvicorn.Server):
    """Signals are heard by `process`, which stops the worker, too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Service:
    """An HTTP server, and a worker if there is one: they start, run and stop together."""

    def __init__(
        self,
        clarion: Clarion,
        settings: Settings,
        listening: socket.socket,
        worker: Running | None,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._worker, self._listening = worker, listening
        self._app = create_app(clarion, settings)
        self._app.router.routes[:0] = routes
        self._server = _Server(
            uvicorn.Config(
                self._app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                http=BoundedHeads,
                timeout_graceful_shutdown=int(clarion.grace.total_seconds()),
            )
        )

    def stop(self) -> None:
        """Take no more requests; `run` returns once those in hand are answered, and the worker has ended."""
        self._server.should_exit = True
        self._app.state.service.stop()
        if self._worker is not None:
            self._worker.stop()

    def stop_now(self) -> None:
        self._server.force_exit = True
        self.stop()
        if self._worker is not None:
            self._worker.stop_now()

    async def run(self) -> None:
        """Until `stop`; where one of the two ends by itself, the other is stopped, and what it said is raised."""
        parts = [asyncio.ensure_future(self._server.serve(sockets=[self._listening]))]
        if self._worker is not None:
            parts.append(asyncio.ensure_future(self._worker.run()))
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await asyncio.wait(parts)
        for part in parts:
            part.result()


def serve(clarion: Clarion, settings: Settings, *, host: str, port: int, works: bool = True) -> None:
    """Start, and answer until SIGTERM or SIGINT; a second one cuts off what runs. The whole of a process.

    `works`: be a worker, too. Raises `ConfigError` where the address cannot be had.
    """
    with closing(bound(host, port)) as listening:
        serve_on(listening, clarion, settings, works=works)


def serve_on(
    listening: socket.socket,
    clarion: Clarion,
    settings: Settings,
    *,
    works: bool = True,
    routes: Sequence[BaseRoute] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """The same on what is `bound`. `routes`: of the application's own, beside Clarion's and before them; `ready` is
    called once who connects is answered."""
    service = Service(clarion, settings, listening, clarion.worker() if works else None, routes)

    def start() -> None:
        clarion.start()
        log.info("listening on %s", url_of(listening))
        ready()

    process.run(service, start, grace=clarion.grace)


def bound(host: str, port: int) -> socket.socket:
    """Bound here, so that what cannot be is one sentence; a free port is chosen for port 0. Raises `ConfigError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on {host!r}, port {port}: {said(error)}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen on {host!r}, port {port}: {said(error)}; choose another") from error
    listening.set_inheritable(True)
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
