"""A server that answers as a test says, request by request, and keeps what it was asked."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple


class Asked(NamedTuple):
    verb: str  # `claims`, `sent` …
    path: str
    body: dict[str, Any]
    headers: Mapping[str, str]


class Answer(NamedTuple):
    """`status` 0: the connection ends instead. `ends`: it does after the answer, of which nothing is said before."""

    status: int = 204
    body: Any = None
    headers: Mapping[str, str] = {}
    ends: bool = False


def claims(*found: Any) -> Answer:
    return Answer(200, {"claims": list(found)})


def problem(status: int, kind: str, detail: str = "so it is", **headers: str) -> Answer:
    return Answer(status, {"type": f"urn:clarion:problem:{kind}", "detail": detail}, headers)


class Stub:
    """`answers` may block: each connection has a thread of its own."""

    def __init__(self, answers: Callable[[Asked], Answer]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""

    @property
    def verbs(self) -> list[str]:
        return [one.verb for one in self.asked]

    def told(self, verb: str) -> list[dict[str, Any]]:
        return [one.body for one in self.asked if one.verb == verb]


@contextmanager
def stub(answers: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    made = Stub(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            made.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(self.path.rpartition("/")[2], self.path, body, dict(self.headers))
            made.asked.append(asked)
            answer = made.answers(asked)
            self.close_connection = answer.ends or not answer.status
            if not answer.status:
                return
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # whoever asked has gone
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if tls is not None:
            scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        made.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()
