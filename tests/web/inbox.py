"""Items in the inboxes of the application under test, and reading a stream of it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import httpx2

from clarion import Clarion
from clarion.web import serving
from clarion.web.settings import Settings
from tests.support.working import PATIENCE, emit, until


async def told(clarion: Clarion, type: str = "note", to: str = "bob", **fields: Any) -> str:
    """Emit; the id of the item that a worker beside this makes of it."""
    tenant = fields.get("tenant", "default")
    event = emit(clarion, type, to=[to], **fields)

    def found() -> UUID | None:
        items = clarion.inbox.list(to, tenant=tenant).items
        return next((item.id for item in items if item.event.id == event), None)

    return str(await until(found))


class Reader:
    """A stream as a browser reads it."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.iter_lines()
        self.answer = answer

    def event(self) -> dict[str, Any]:
        """The next one, with its name and id; without `data`, a number alone. Raises `StopIteration` at the end."""
        found: dict[str, Any] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line and name:
                found[name] = json.loads(value) if name == "data" else value
            elif not line and found:
                return found
        raise StopIteration

    def change(self) -> dict[str, Any]:
        """The next change, with its number as `n`."""
        while "data" not in (found := self.event()):
            pass
        assert found["event"] == "change", found
        return {**found["data"], "n": int(found["id"])}


@contextmanager
def reading(base_url: str, headers: dict[str, str], **query: Any) -> Iterator[Reader]:
    with (
        httpx2.Client(base_url=base_url, trust_env=False, timeout=PATIENCE) as client,
        client.stream("GET", "/v1/inbox/stream", params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Reader(answer)


@contextmanager
def served(clarion: Clarion, settings: Settings) -> Iterator[tuple[str, serving.Service]]:
    """The service with a worker beside it, in a thread, on a port of its own; where, and what it is."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        clarion.start()
        service = serving.Service(clarion, settings, listening, clarion.worker())
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(service.run()))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", service
        finally:
            loop.call_soon_threadsafe(service.stop)
            thread.join(PATIENCE)
            assert not thread.is_alive()
            loop.close()
