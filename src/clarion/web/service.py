"""What the routes work with, made once for an application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

from starlette.requests import HTTPConnection

from clarion.app import Clarion
from clarion.web.committer import Committer
from clarion.web.door import Door
from clarion.web.fetching import Fetching
from clarion.web.keyring import Keyring
from clarion.web.openid import OpenId
from clarion.web.sessions import Sessions
from clarion.web.settings import Settings
from clarion.web.streams import Streams
from clarion.web.tokens import Tokens
from clarion.web.transactions import Transactions
from clarion.workers.exposition import Gauges

Result = TypeVar("Result")

_PATIENCE = timedelta(seconds=75)  # longer than a trial has for its message


class Service:
    """The parts of one application. Nothing runs before the first request."""

    def __init__(self, clarion: Clarion, settings: Settings) -> None:
        self.clarion, self.settings = clarion, settings
        self._transactions = Transactions(settings.patience)
        self._slow = Transactions(_PATIENCE, name="clarion-web-slow", threads=2)
        self.keyring = Keyring(clarion.keys, self._transactions)
        self.sessions = Sessions(self.keyring, settings)
        tokens = None if settings.tokens is None else Tokens(settings.tokens, self._transactions)
        self.openid = None if settings.openid is None else OpenId(settings.openid, self._transactions)
        self.door = Door(self.keyring, self.sessions, tokens, settings)
        self.committer = Committer(clarion.database, settings.patience)
        self.streams = Streams(clarion, settings.patience)
        self.fetching = Fetching(clarion, self._transactions)
        self.gauges = Gauges(clarion.database, clarion.channels)

    async def run(self, work: Callable[[], Result]) -> Result:
        """`work`, which waits for the database, in a thread."""
        return await self._transactions.run(work)

    async def patiently(self, work: Callable[[], Result]) -> Result:
        """`work` that waits for others' servers, in a thread where nobody waits behind it for the database."""
        return await self._slow.run(work)

    def stop(self) -> None:
        """End what would not end by itself: streams, and waiting for something to fetch."""
        self.streams.stop()
        self.fetching.stop()

    async def close(self) -> None:
        """Once all that runs has ended."""
        await self.streams.close()
        await self.fetching.close()
        await self.committer.close()
        await self._slow.close(within=self.settings.patience)
        await self._transactions.close()


def service_of(request: HTTPConnection) -> Service:
    return cast(Service, request.app.state.service)
