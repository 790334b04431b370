"""An application of one channel, on either database."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion import Clarion, Policy, Retries
from tests.support.acme import Plan, application
from tests.support.children import Children, children
from tests.support.working import Wire, limits

Make = Callable[..., Clarion]

SOON = Retries(waits=(timedelta(milliseconds=50), timedelta(milliseconds=100)), jitter=0.2)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Makes applications on one database, with a type `note` for `inbox` and `wire`, whether they have it or not."""
    made: list[Clarion] = []

    def application(*channels: Any, **limited: Any) -> Clarion:
        clarion = Clarion(database_url, channels=channels, limits=limits(**limited))
        made.append(clarion)
        clarion.type("note", channels=["inbox", "wire"], policy=Policy(retries=SOON))
        return clarion

    yield application
    for clarion in made:
        clarion.close()


@pytest.fixture
def started() -> Iterator[Children]:
    with children() as all_:
        yield all_


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A mail catcher: the URL to send to, and the file in which it keeps what came."""
    kept = tmp_path / "mails.db"
    command = [sys.executable, "-m", "clarion.demo.catcher", "--port", "0", "--store", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{json.loads(process.stdout.readline())['port']}", kept
        process.terminate()


@pytest.fixture
def mailing(database_url: str, mails: tuple[str, Path]) -> Iterator[Clarion]:
    made = application(Plan(database=database_url, smtp=mails[0]))
    made.start()
    yield made
    made.close()
