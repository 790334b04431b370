"""The peers, each with the settings that its manual recommends for many short jobs that must not be lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BIN = Path(os.environ.get("PEERS_VENV", ".venv-peers")).absolute() / "bin"
PACKAGE = "benchmarks.peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`jobs`: enough for a few seconds of two processes. `workers`: the commands for so many processes. `beside`: what ours is on."""

    name: str
    module: str
    server: str
    beside: str
    jobs: int
    workers: Callable[[int], list[list[str]]]
    target: float | None = None


def calling(module: str, call: str) -> list[str]:
    """A command that calls a function of a peer's module, in the peers' environment."""
    return [str(BIN / "python"), "-c", f"from {PACKAGE} import {module}; {module}.{call}"]


def _celery(processes: int) -> list[list[str]]:
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    return [
        [str(BIN / "celery"), "-A", f"{PACKAGE}.on_celery", "worker", "--concurrency", str(processes), *quiet]
    ]


def _dramatiq(processes: int) -> list[list[str]]:
    return [
        [str(BIN / "dramatiq"), f"{PACKAGE}.on_dramatiq", "--processes", str(processes), "--threads", "8"]
    ]


def _procrastinate(processes: int) -> list[list[str]]:
    one = [
        str(BIN / "procrastinate"),
        f"--app={PACKAGE}.on_procrastinate.app",
        "worker",
        "--concurrency",
        "10",
    ]
    return [one] * processes


def _pgqueuer(processes: int) -> list[list[str]]:
    one = calling("on_pgqueuer", "work()")
    return [one] * processes


def _huey(processes: int) -> list[list[str]]:
    kind = ["--worker-type", "process", "--workers", str(processes), "--quiet"]
    return [[str(BIN / "huey_consumer"), f"{PACKAGE}.on_huey.huey", *kind]]


PEERS = (
    Peer(
        name="Celery on RabbitMQ",
        module="on_celery",
        server="rabbitmq",
        beside="postgresql",
        jobs=15_000,
        workers=_celery,
        target=12,
    ),
    Peer(
        name="Dramatiq on RabbitMQ",
        module="on_dramatiq",
        server="rabbitmq",
        beside="postgresql",
        jobs=30_000,
        workers=_dramatiq,
        target=6,
    ),
    Peer(
        name="Celery on Redis",
        module="on_celery",
        server="redis",
        beside="postgresql",
        jobs=8_000,
        workers=_celery,
    ),
    Peer(
        name="Procrastinate on PostgreSQL",
        module="on_procrastinate",
        server="postgresql",
        beside="postgresql",
        jobs=5_000,
        workers=_procrastinate,
        target=50,
    ),
    Peer(
        name="pgqueuer on PostgreSQL, batches of 100",
        module="on_pgqueuer",
        server="postgresql",
        beside="postgresql",
        jobs=100_000,
        workers=_pgqueuer,
        target=2.5,
    ),
    Peer(
        name="Huey on SQLite",
        module="on_huey",
        server="sqlite",
        beside="sqlite",
        jobs=30_000,
        workers=_huey,
        target=10,
    ),
)
