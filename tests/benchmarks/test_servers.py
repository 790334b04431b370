"""The servers of the peers: named when they are missing, and gone when they are no longer needed."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from benchmarks.peers import servers


def test_a_server_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(servers.Missing, match="redis-server is not in PATH"), servers.redis():
        pass
    with pytest.raises(servers.Missing, match="rabbitmq-server"), servers.rabbitmq():
        pass


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_redis_syncs_every_write_and_ends_with_us() -> None:
    with servers.redis() as url:
        port = urlsplit(url).port
        with socket.create_connection(("127.0.0.1", port), timeout=10) as conn:
            conn.sendall(b"CONFIG GET append*\r\n")
            said = conn.recv(4096).decode()
    words = said.split()
    assert words[words.index("appendfsync") + 2] == "always"
    assert words[words.index("appendonly") + 2] == "yes"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
