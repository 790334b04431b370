"""RabbitMQ and Redis of our own, as durable as they can be, on free ports and in temporary directories."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.peers.draining import Failed, end, start

PATIENCE = 90.0


class Missing(Exception):
    """A server that is not installed; its words say which and where it was looked for."""


@contextmanager
def redis() -> Iterator[str]:
    """Its URL. Every write is on the disk before it is answered (`appendfsync always`)."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("redis-server is not in PATH (Debian: apt install redis-server)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clarion-redis-") as directory:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always"]
        with _running(command, Path(directory), {}, lambda: _answers(port)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Its URL. Queues and messages are durable, as the clients declare them."""
    programs = [*glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")]
    program = programs[-1] if programs else shutil.which("rabbitmq-server")
    names = shutil.which("epmd")
    if program is None or names is None:
        raise Missing(
            "rabbitmq-server, or Erlang's epmd, is not installed (Debian: apt install rabbitmq-server)"
        )
    port, names_port, between = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="clarion-rabbitmq-") as directory, ExitStack() as started:
        home = Path(directory)
        (home / "plugins").write_text("[].\n")
        environment = {
            "HOME": directory,  # of the cookie
            "ERL_EPMD_PORT": str(names_port),
            "RABBITMQ_NODENAME": f"clarion{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(between),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        }
        # Otherwise the node would start one that outlives it.
        epmd = [names, "-port", str(names_port), "-address", "127.0.0.1"]
        started.enter_context(_running(epmd, home, {}, lambda: _answers(names_port)))
        started.enter_context(_running([program], home, environment, lambda: _answers(port)))
        yield f"amqp://guest:guest@127.0.0.1:{port}/"


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def _running(
    command: list[str], home: Path, environment: Mapping[str, str], ready: Callable[[], bool]
) -> Iterator[None]:
    log = home / f"{Path(command[0]).name}.log"
    with log.open("ab") as output:
        process = start(command, {**os.environ, **environment}, home, output)
        try:
            deadline = time.monotonic() + PATIENCE
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.05)
            yield
        finally:
            end(process)
