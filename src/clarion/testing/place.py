"""Where a test happens: a database of its own, and an application that is put there and given back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from clarion.app import Clarion
from clarion.errors import ConfigError, NotMigrated
from clarion.store import migrate
from clarion.store.database import Database
from clarion.testing.recorder import Recorder


class Fresh:
    """An SQLite database with the tables of Clarion and no rows, in a folder that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="clarion-testing-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / "clarion.db"
        path.write_bytes(_migrated())
        self.url = f"sqlite:///{path}"
        self.database = Database(self.url)
        sa.event.listen(self.database.engine, "connect", _carelessly)

    def remove(self) -> None:
        self.database.close()
        self._folder.cleanup()


@cache
def _migrated() -> bytes:
    """Migrated once for each process, since that takes longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="clarion-testing-") as folder:
        path = Path(folder) / "clarion.db"
        migrate.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def _carelessly(connection: Any, _record: Any) -> None:
    """Nobody needs these data after a power failure."""
    connection.execute("PRAGMA synchronous = OFF")


def existing(url: str) -> Database:
    """The application's own database, with the tables of Clarion."""
    database = Database(url)
    try:
        database.read(migrate.check)
    except NotMigrated:
        migrate.upgrade(url)
    finally:
        database.close()  # it opens again when it is used
    return database


class Place:
    """The database of a test, and the application that is put there, with a recorder for each of its channels.

    The application stays the same object, and so does all that it is made of: whoever has imported it, or a part
    of it, is on the other database, too. `leave` makes it what it was.
    """

    def __init__(self) -> None:
        self.clarion: Clarion | None = None
        self.recorders: dict[str, Recorder] = {}
        self._database: Database | None = None
        self._url: str | None = None

    def take(self, clarion: Clarion, url: str | None, channels: Iterable[str]) -> None:
        """Put it there: on the database of this URL, or on a fresh one."""
        if self.clarion is not None:
            raise ConfigError("a Testing is of one application; close it, or make another for this one")
        if any(isinstance(channel, Recorder) for channel in clarion.channels.values()):
            raise ConfigError("another Testing has this application; close that one first")
        database = self._fresh.database if url is None else existing(url)
        self._was = (clarion.database.url, clarion.database.engine, {**clarion.channels}, {**clarion.types})
        replaced = {**dict.fromkeys(channels), **clarion.channels}
        self.recorders = {name: Recorder(name, channel) for name, channel in replaced.items()}
        clarion.database.url, clarion.database.engine = database.url, database.engine
        clarion.channels.update(self.recorders)
        self.clarion, self._database, self._url = clarion, database, url
        try:
            clarion.start()
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the application back, with the channels and the types that it had; if there is one."""
        if (clarion := self.clarion) is None:
            return
        clarion.database.engine.dispose()
        clarion.database.url, clarion.database.engine, channels, types = self._was
        clarion.channels.clear()
        clarion.channels.update(channels)
        clarion.types.clear()
        clarion.types.update(types)
        self.clarion = self._database = self._url = None
        self.recorders = {}

    def remove(self) -> None:
        """Remove what is on the disk. Doing it twice does no harm."""
        self.leave()
        if "_fresh" in self.__dict__:
            self._fresh.remove()
            del self._fresh

    @cached_property
    def _fresh(self) -> Fresh:
        return Fresh()

    @property
    def url(self) -> str:
        return self._url or self._fresh.url

    @property
    def engine(self) -> Engine:
        return (self._database or self._fresh.database).engine
