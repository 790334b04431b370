"""Metrics over HTTP, for a process that works, and the gauges that are read from the database when somebody asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from clarion import clock, telemetry
from clarion.errors import ConfigError, said
from clarion.pause import Pause
from clarion.store import backlog, pauses
from clarion.store.backlog import Backlog
from clarion.store.database import Database

if TYPE_CHECKING:  # only where metrics are installed
    from prometheus_client.core import GaugeMetricFamily

log = logging.getLogger(__name__)

_AGAIN_AFTER = 1.0  # seconds, and longer the longer it took: see `Gauges`
_SHARE = 10
_PATIENCE = 2.0


@contextmanager
def serving(address: str | None, database: Database, channels: Iterable[str]) -> Iterator[None]:
    """Serve this process's metrics at `host:port` meanwhile; nothing without an address. Raises `ConfigError`."""
    if address is None:
        yield
        return
    host, port = parse(address)
    if not telemetry.COUNTING:
        raise ConfigError("to serve metrics, install clarion[metrics]")
    from prometheus_client import REGISTRY, start_http_server

    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        raise ConfigError(f"metrics cannot be served on {address!r}: {said(error)}") from error
    gauges = Gauges(database, channels)
    REGISTRY.register(gauges)
    try:
        log.info("metrics on http://%s:%d/metrics", host, server.server_port)
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        REGISTRY.unregister(gauges)


def parse(address: str) -> tuple[str, int]:
    """Host and port; raises `ConfigError`."""
    host, colon, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or (colon and not host):
        raise ConfigError(f"metrics: say host:port, such as 127.0.0.1:9464, not {address!r}")
    return (host.strip("[]") or "127.0.0.1"), int(port)


@dataclass(frozen=True, slots=True)
class _Read:
    """What waits and what pauses, at an instant of the database's clock."""

    channels: Sequence[Backlog]
    events: Backlog
    pauses: Sequence[Pause]
    now: datetime


class Gauges:
    """What waits and what pauses, as a collector of Prometheus.

    Read when somebody asks, by one at a time, and not again before ten times as long as it took is over: a huge backlog
    must not be counted all day. Where the database does not answer, `clarion_database_up` is 0 and nothing else is said.
    """

    def __init__(self, database: Database, channels: Iterable[str]) -> None:
        self._database, self._channels = database, sorted(channels)
        self._reading = threading.Lock()
        self._last: _Read | None = None
        self._until = 0.0

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone, for the registry."""
        return _families().values()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        found = self._read()
        families = _families()
        families["up"].add_metric([], 0 if found is None else 1)
        if found is not None:
            self._fill(families, found)
        return families.values()

    def _read(self) -> _Read | None:
        if not self._reading.acquire(timeout=_PATIENCE):
            return None
        try:
            began = clock.monotonic()
            if began >= self._until:
                self._last = None
                self._last = self._database.read(_read)
                took = clock.monotonic() - began
                self._until = clock.monotonic() + max(_AGAIN_AFTER, _SHARE * took)
        except Exception as error:  # noqa: BLE001 - the counters are served whatever the database says
            log.warning("what waits could not be read for metrics: %s", said(error))
        finally:
            self._reading.release()
        return self._last

    def _fill(self, families: dict[str, GaugeMetricFamily], found: _Read) -> None:
        nothing = [
            Backlog(name=name, waiting=0, due=0, oldest=None)
            for name in self._channels
            if name not in {one.name for one in found.channels}
        ]
        for one in [*found.channels, *nothing]:
            families["waiting"].add_metric([one.name], one.waiting)
            families["due"].add_metric([one.name], one.due)
            families["oldest"].add_metric([one.name], _age(one, found.now))
        families["events"].add_metric([], found.events.waiting)
        families["events due"].add_metric([], found.events.due)
        families["events oldest"].add_metric([], _age(found.events, found.now))
        standing = dict.fromkeys(((name, by) for name in self._channels for by in ("itself", "operator")), 0)
        for pause in found.pauses:
            if not pause.asked_for or pause.until > found.now:
                key = pause.channel, "operator" if pause.asked_for else "itself"
                standing[key] = standing.get(key, 0) + 1
        for labels, number in standing.items():
            families["pauses"].add_metric(labels, number)


def _read(conn: Connection) -> _Read:
    channels, now = backlog.of_channels(conn)
    return _Read(channels, backlog.of_events(conn)[0], pauses.standing(conn)[0], now)


def _age(one: Backlog, now: datetime) -> float:
    """Seconds for which the oldest has been due; 0 if none is."""
    return 0.0 if one.oldest is None else max(0.0, (now - one.oldest).total_seconds())


def _families() -> dict[str, GaugeMetricFamily]:
    from prometheus_client.core import GaugeMetricFamily

    said: dict[str, tuple[str, str, tuple[str, ...]]] = {
        "up": ("database_up", "Whether the database answered when these were read.", ()),
        "waiting": ("deliveries_waiting", "Deliveries that wait, for whatever.", ("channel",)),
        "due": ("deliveries_due", "Deliveries that are due and that nobody has in hand.", ("channel",)),
        "oldest": ("oldest_due_seconds", "For how long the oldest of these has been due.", ("channel",)),
        "events": ("events_waiting", "Events whose audience is not all decided on.", ()),
        "events due": ("events_due", "Of these, those that are due and that nobody has in hand.", ()),
        "events oldest": ("events_oldest_due_seconds", "For how long the oldest of these has been due.", ()),
        "pauses": ("pauses", "Channels and lanes that are left alone, and who says so.", ("channel", "by")),
    }
    return {
        key: GaugeMetricFamily(f"clarion_{name}", text, labels=labels)
        for key, (name, text, labels) in said.items()
    }
