"""An application with the service, who may ask it, and a look at every statement: none may forget the tenant."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from clarion import Channel, Clarion
from clarion.api_key import SCOPES
from clarion.store.schema import metadata
from clarion.web.app import create_app
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign

SECRET = "a secret of the application, which it shares with the service and nobody else"
HOST = "https://clarion.test"

_OF_TENANTS = sorted(table.name for table in metadata.tables.values() if "tenant" in table.c)
_NAMED = re.compile(rf"\b({'|'.join(_OF_TENANTS)})\b")
# A key is found by the hash of its secret: it is what tells whose tenant somebody is of.
_BY_HASH = "WHERE clarion_api_keys.hash ="
# The change feed is one for all tenants: whoever comes by gives numbers to all that has none.
_NUMBERING = "clarion_unnumbered_changes"
# On SQLite, what was found under its tenant is taken out by where it lies.
_WHERE_IT_LIES = "WHERE rowid = ?"


def forgets_the_tenant(statement: str) -> bool:
    """Whether a statement goes to rows of tenants without saying of which."""
    if (
        not _NAMED.search(statement)
        or _BY_HASH in statement
        or _NUMBERING in statement
        or statement.endswith(_WHERE_IT_LIES)
        or statement.lstrip().upper().startswith("INSERT")
    ):
        return False
    _, _, condition = statement.partition("WHERE")
    return re.search(r"\btenant\b", condition) is None


@pytest.fixture
def forgetful() -> list[str]:
    """The statements of the service that have forgotten the tenant. A test clears what is meant to be of all."""
    return []


@pytest.fixture
def channels() -> list[Channel]:
    """Where else than to inboxes the application sends."""
    return []


@pytest.fixture
def clarion(database_url: str, forgetful: list[str], channels: list[Channel]) -> Iterator[Clarion]:
    """With a few types and people, in two tenants. No statement of the service may forget of which it is."""
    made = Clarion(database_url, channels=channels)
    made.type("note", channels=["inbox"], category="notes", description="Something was noted.")
    made.type("security", channels=["inbox"], category="account", required=True)
    made.start()
    for tenant in ("default", "other"):
        made.recipients.upsert("bob", name=f"Bob of {tenant}", tenant=tenant)
    made.recipients.upsert("carol", name="Carol")

    def look(_c: Any, _cursor: Any, statement: str, _p: Any, _x: Any, _many: bool) -> None:
        # What a worker beside it claims, and what a test asks itself, is of all.
        ours = threading.current_thread().name.startswith(("clarion-web", "clarion-commit"))
        if ours and forgets_the_tenant(statement):
            forgetful.append(statement)

    sa.event.listen(made.database.engine, "before_cursor_execute", look)
    yield made
    sa.event.remove(made.database.engine, "before_cursor_execute", look)
    made.close()
    assert not forgetful, f"{len(forgetful)} statements say nothing of the tenant: {forgetful[:3]}"


@pytest.fixture
def settings() -> Settings:
    return Settings(tokens=TokenSettings(secret=SECRET))


@pytest.fixture
def app(clarion: Clarion, settings: Settings) -> FastAPI:
    return create_app(clarion, settings)


@pytest.fixture
def key(clarion: Clarion) -> Callable[..., dict[str, str]]:
    """The header of a new key with these scopes; without any, with all."""

    def issue(*scopes: str, tenant: str = "default") -> dict[str, str]:
        issued = clarion.keys.issue("a test", scopes or list(SCOPES), tenant=tenant)
        return {"Authorization": f"Bearer {issued.secret}"}

    return issue


def token(recipient: str, *, lasts: timedelta = timedelta(hours=6), **said: Any) -> dict[str, str]:
    """Longer than all tests together: modules make theirs when they are collected."""
    return {"Authorization": f"Bearer {sign(SECRET, recipient, lasts=lasts, **said)}"}


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client inside this process."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=HOST) as client:
        yield client
    await app.state.service.close()
