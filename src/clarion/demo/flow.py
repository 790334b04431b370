"""GitHub's webhooks as they come to Acme: some at once, then one every few seconds, in a thread of its own."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from clarion import clock
from clarion.app import Clarion
from clarion.demo import feed
from clarion.demo.feed import Emission, Request
from clarion.errors import said
from clarion.sources.github import ForgedSignature

log = logging.getLogger(__name__)

AT_ONCE = 12  # webhooks, so that nobody begins with nothing
EVERY = 6.0  # seconds
_FORGED = 10  # every so many, one comes that somebody tampered with


@dataclass(slots=True)
class Flow:
    """`taken`: webhooks whose signature was right; `refused`: those in which it was not."""

    clarion: Clarion
    paused: bool = False
    taken: int = 0
    refused: int = 0

    def run(self, stopped: threading.Event) -> None:
        """Until it is stopped. What the database does not take is said, and the next one is tried."""
        coming = self._coming()
        for n in itertools.count():
            if stopped.wait(0 if n < AT_ONCE else EVERY):
                return
            if self.paused:
                continue
            try:
                self._emit(next(coming))
            except sa.exc.SQLAlchemyError as error:
                log.warning("a webhook could not be stored: %s", said(error))

    def _coming(self) -> Iterator[list[Emission]]:
        """What each webhook says, and at the end of each turn what happens at Acme itself."""
        for turn in itertools.count():
            for n, request in enumerate(feed.requests(turn), 1):
                if n % _FORGED == 0:
                    yield self._received(feed.forged(request))
                yield self._received(request)
            yield feed.own_events(clock.now(), turn)

    def _received(self, request: Request) -> list[Emission]:
        try:
            emissions = feed.receive(request)
        except ForgedSignature:
            self.refused += 1
            return []
        self.taken += 1
        return emissions

    def _emit(self, emissions: list[Emission]) -> None:
        if emissions:
            self.clarion.database.run(lambda conn: self.clarion.emit_many(conn, emissions))


@contextmanager
def flowing(flow: Flow) -> Iterator[None]:
    stopped = threading.Event()
    thread = threading.Thread(target=flow.run, args=(stopped,), name="acme-webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
