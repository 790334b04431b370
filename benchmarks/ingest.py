"""Events a second over HTTP, each answered once it is durable: python -m benchmarks.ingest [--database both]

One process serves, another asks over many connections, on the same machine. Single events, and a hundred in a request. The
floor is a bare route of Starlette that parses the same body and stores the text with others in one commit, on the raw driver: it
checks nothing, knows nobody, and remembers no key. Floor and product take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import Future
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import latest
from benchmarks.common import Bench, Opened, opened, show, write
from benchmarks.comparison import Comparison
from clarion import Clarion
from clarion.workers.collecting import collect_rarely

TYPE = "bench.happened"
CONNECTIONS = 64
ROUNDS = 3
SPAN = 4.0
WARM = 1.0
MANY = 100
TARGETS = {"single": 8_000, "batched": 70_000}
SQLITE = "sqlite"


EVENT: dict[str, Any] = {
    "type": TYPE,
    "actor": "alice",
    "subject": "cl/1",
    "to": {"author": ["bob"]},
    "key": "%032x",
    "data": {"title": "Merged", "text": "Looks good to me"},
}


class Requests:
    """Of which each is new: no key comes twice, in this process or another."""

    def __init__(self, many: bool, secret: str) -> None:
        content = json.dumps({"events": [EVENT] * MANY} if many else EVENT)
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content % self._keys(0, many))}\r\n\r\n"
        )
        self._made, self._many, self._next = (head + content).encode(), many, uuid.uuid4().int >> 8

    def next(self) -> bytes:
        keys = self._keys(self._next, self._many)
        self._next += len(keys)
        return self._made % keys

    @staticmethod
    def _keys(begin: int, many: bool) -> tuple[int, ...]:
        return tuple(range(begin, begin + (MANY if many else 1)))


# ── The servers ──────────────────────────────────────────────────────────────────────────────────────────


def application(url: str) -> Clarion:
    clarion = Clarion(url)
    clarion.type(TYPE, channels=["inbox"])
    return clarion


def product(url: str) -> Any:
    from clarion.web.app import create_app
    from clarion.web.settings import Settings

    clarion = application(url)
    clarion.start()
    return create_app(clarion, Settings(rate=1_000_000, burst=1_000_000))


class Floor:
    """Collects what comes while a commit runs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asked: queue.SimpleQueue[tuple[list[tuple[str, str]], Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    async def emit(self, request: Request) -> Response:
        said = json.loads(await request.body())
        many = said.get("events", [said])
        rows = [(str(uuid.uuid4()), json.dumps(one)) for one in many]
        stored: Future[None] = Future()
        self._asked.put((rows, stored))
        await asyncio.wrap_future(stored)
        return Response(json.dumps([id for id, _ in rows]), 202, media_type="application/json")

    def _work(self) -> None:
        execute, commit = self._connected()
        while True:
            group = [self._asked.get()]
            while not self._asked.empty():
                group.append(self._asked.get())
            execute([row for rows, _ in group for row in rows])
            commit()
            for _, stored in group:
                stored.set_result(None)

    def _connected(self) -> tuple[Any, Any]:
        from sqlalchemy.engine import make_url

        url = make_url(self._url)
        if url.get_backend_name() == SQLITE:
            import sqlite3

            conn: Any = sqlite3.connect(str(url.database), check_same_thread=False)
            conn.execute("PRAGMA synchronous = FULL")
            insert = "INSERT INTO floor VALUES (?, ?)"
            return (lambda rows: conn.executemany(insert, rows)), conn.commit
        import psycopg

        conn = psycopg.connect(self._url.replace("+psycopg", ""))
        insert = "INSERT INTO floor SELECT * FROM unnest(%s::text[], %s::text[])"
        return (
            lambda rows: conn.execute(insert, [list(column) for column in zip(*rows, strict=True)])
        ), conn.commit


def bare(url: str) -> Any:
    return Starlette(routes=[Route("/v1/events", Floor(url).emit, methods=["POST"])])


def serve(what: str, url: str, port: int) -> None:
    app = product(url) if what == "product" else bare(url)
    collect_rarely()  # as `clarion serve` does
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        loop="asyncio",  # as `clarion serve` has it
        http="httptools",
    )


# ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────


class Asking(asyncio.Protocol):
    """One connection, with one request at a time; stops at the first answer that is no 202."""

    def __init__(self, requests: Requests, counted: list[int]) -> None:
        self._requests, self._counted = requests, counted
        self._read = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._transport.write(self._requests.next())

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        assert head.startswith(b"HTTP/1.1 202"), self._read
        self._counted[0] += 1
        self._read = b""
        self._send()


async def asked(port: int, many: bool, secret: str) -> float:
    """Answered requests a second."""
    requests, counted = Requests(many, secret), [0]
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Asking(requests, counted), "127.0.0.1", port)
    await asyncio.sleep(WARM)
    begun, before = time.perf_counter(), counted[0]
    await asyncio.sleep(SPAN)
    return (counted[0] - before) / (time.perf_counter() - begun)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def rate(what: str, url: str, many: bool, secret: str) -> float:
    """Events a second."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", what, "--url", url, "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ}) as server:
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            return asyncio.run(asked(port, many, secret)) * (MANY if many else 1)
        finally:
            server.terminate()


def measure(on: Opened) -> tuple[Bench, list[Comparison]]:
    bench = Bench(on, plans=False)
    engine = "PostgreSQL" if on.postgresql else "SQLite"
    compared: list[Comparison] = []
    url = on.database.url.render_as_string(hide_password=False)
    on.database.run(lambda conn: conn.exec_driver_sql("CREATE TABLE floor (id text PRIMARY KEY, body text)"))
    clarion = application(url)
    clarion.migrate()
    secret = clarion.keys.issue("benchmark", ["events:write"]).secret
    for name, many in (("single", False), ("batched", True)):
        floor, ours = [], []
        for _ in range(ROUNDS):
            floor.append(rate("floor", url, many, secret))
            ours.append(rate("product", url, many, secret))
        best, base = statistics.median(ours), statistics.median(floor)
        note = f"floor {base:,.0f}"
        bench.add(f"{name} events over HTTP", rate=best, ratio=best / base, note=note)
        compared += [
            Comparison(
                name=f"ingest: {engine}, {name} events over HTTP, one process{against}",
                ours=best,
                other=other,
                other_name=other_name,
                unit="a second",
                target=target,
            )
            for against, other, other_name, target in (
                ("", TARGETS[name], "the limit set", 1),
                (", against a bare route", base, "a bare route of Starlette that groups commits", None),
            )
        ]
    clarion.close()
    return bench, compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--serve", choices=("floor", "product"), help="internal: be the server")
    parser.add_argument("--url")
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.url, given.port)
        return
    figures, compared = [], []
    for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with opened(kind) as make:
            bench, rows = measure(make("ingest"))
            figures, compared = figures + bench.figures, compared + rows
    print()
    show(figures, "Events over HTTP, one process")
    write("ingest", {"connections": CONNECTIONS, "in_a_batch": MANY, "seconds": SPAN}, figures)
    latest.record("ingest", compared)


if __name__ == "__main__":
    main()
