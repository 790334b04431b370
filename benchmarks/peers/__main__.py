"""`make bench-peers`: ours and theirs in one run, workers started on a full queue of jobs that do nothing.

ARGS="celery huey" chooses peers by a part of their names. What each was set to is in its module `on_…` and in the catalogue.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
from tests.support.postgres import Postgres

from benchmarks import latest
from benchmarks.comparison import Comparison
from benchmarks.peers import draining, ours, servers
from benchmarks.peers.catalogue import PEERS, Peer, calling

PEOPLE = 10_000
TELLING = "django-notifications on PostgreSQL"
PROCESSES = {"1 process": 1, "2 processes": 2}


def main() -> None:
    chosen = [peer for peer in PEERS if _wanted(peer.name)]
    telling = _wanted(TELLING)
    if not chosen and not telling:
        sys.exit(
            f"no peer is called like {sys.argv[1:]}; known: {', '.join([*(p.name for p in PEERS), TELLING])}"
        )
    if not sys.argv[1:]:
        latest.forget("peers")
    rows: list[Comparison] = []
    mine = {
        kind: _said(kind, partial(ours.rates, kind)) for kind in dict.fromkeys(peer.beside for peer in chosen)
    }
    measures = {peer.name: partial(_beside, peer, mine[peer.beside]) for peer in chosen}
    if telling:
        measures[TELLING] = _telling
    failed = False
    for name, measure in measures.items():
        try:
            rows += measure()
        except servers.Missing as why:
            print(f"skipped {name}: {why}", file=sys.stderr)
        except draining.Failed as why:
            print(f"{name} failed: {why}", file=sys.stderr)
            failed = True
    latest.record("peers", rows, versions=_versions())
    sys.exit(failed)


def _wanted(name: str) -> bool:
    return not sys.argv[1:] or any(part.lower() in name.lower() for part in sys.argv[1:])


def _said(kind: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    found = measure()
    print(f"{kind}: {', '.join(f'{name} {rate:,.0f} a second' for name, rate in found.items())}", flush=True)
    return found


def _beside(peer: Peer, mine: dict[str, float]) -> list[Comparison]:
    theirs = _said(peer.name, partial(_rates, peer))
    beside = [(name, name, peer.target) for name in PROCESSES]
    beside.append(("1 process, from the event", "1 process", None))
    return [
        Comparison(
            name=f"peers: {peer.name}, {own}",
            ours=mine[own],
            other=theirs[other],
            other_name=peer.name,
            unit="a second",
            target=target,
        )
        for own, other, target in beside
    ]


def _rates(peer: Peer) -> dict[str, float]:
    """Jobs a second by the number of processes; what was left over of one run is waiting in the next."""
    found = {}
    with _server(peer.server) as make_url:
        for name, processes in PROCESSES.items():
            environment = {"PEERS_URL": make_url(f"peer{processes}")}
            _run(peer.module, f"enqueue({peer.jobs})", environment)
            if peer.server == "postgresql":
                _analyse(environment["PEERS_URL"])
            found[name] = draining.rate(peer.workers(processes), environment, peer.jobs)
    return found


def _analyse(url: str) -> None:
    """As is done for ours: what autovacuum does within a minute for whoever fills a queue by and by."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")


@contextmanager
def _server(kind: str) -> Iterator[Callable[[str], str]]:
    """A maker of URLs: of a new database each, or of the one broker."""
    match kind:
        case "rabbitmq" | "redis":
            with servers.rabbitmq() if kind == "rabbitmq" else servers.redis() as url:
                yield lambda _: url
        case "sqlite":
            with tempfile.TemporaryDirectory(prefix="clarion-peers-") as directory:
                yield lambda name: str(Path(directory) / f"{name}.db")
        case _:
            with Postgres() as server:
                yield lambda name: server.create_database(name).replace("+psycopg", "")


def _run(module: str, call: str, environment: dict[str, str]) -> str:
    """Call a function of a peer's module; what it printed."""
    given = {**os.environ, **environment, "PEERS_ENQUEUING": "yes"}
    done = subprocess.run(
        calling(module, call),
        env=given,
        cwd=draining.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise draining.Failed(f"{module} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


def _telling() -> list[Comparison]:
    with Postgres() as server:
        server.create_database("people")
        said = _run("on_django", f"tell({PEOPLE})", {"PEERS_URL": f"{server.socket_directory} people"})
    return [
        Comparison(
            name=f"peers: {PEOPLE:,} people told in-app",
            ours=PEOPLE / ours.seconds_to_tell(PEOPLE),
            other=PEOPLE / float(said),
            other_name=TELLING,
            unit="people a second",
            target=30,
        )
    ]


def _versions() -> dict[str, str]:
    """Of the libraries, as they are locked."""
    folder = Path(__file__).parent
    wanted = {
        re.split(r"[\[<\s]", line)[0].lower()
        for line in (folder / "requirements.in").read_text().splitlines()
    }
    locked = re.findall(r"^([\w-]+)==([\w.]+)", (folder / "requirements.txt").read_text(), re.MULTILINE)
    return {name: version for name, version in locked if name in wanted}


if __name__ == "__main__":
    main()
