"""Who is at the desk, for which tenant, and what becomes of what they do: a line of the audit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.engine import Connection

from clarion import api_key, clock, ids
from clarion.audit_line import AuditLine
from clarion.channels import Channel
from clarion.event import required_text
from clarion.event_type import EventType
from clarion.explanation import Explanation
from clarion.keys import Keys
from clarion.lane import Lanes
from clarion.recipients import Recipients
from clarion.store import audit
from clarion.store.database import Database
from clarion.workers.wiring import Wiring

log = logging.getLogger("clarion.audit")

Result = TypeVar("Result")


class Application(Protocol):
    """As much of `Clarion` as a desk needs."""

    database: Database
    channels: dict[str, Channel]
    types: dict[str, EventType]
    recipients: Recipients
    keys: Keys

    @property
    def lanes(self) -> Lanes: ...

    def why(self, event: UUID, recipient: str, *, tenant: str = ...) -> Explanation: ...

    def _wiring(self) -> Wiring: ...


class Bound:
    """`scopes`: what whoever asks may do by their key, all where none is said."""

    def __init__(
        self,
        app: Application,
        *,
        by: str,
        tenant: str,
        scopes: Collection[str] | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self.app = app
        self.by = required_text("by", by)
        self.tenant = required_text("tenant", tenant)
        self.scopes = api_key.allowed(api_key.SCOPES if scopes is None else scopes)
        self.correlation_id = correlation_id

    @property
    def database(self) -> Database:
        return self.app.database

    def do(
        self,
        act: Callable[[], Result],
        verb: str,
        *,
        on: object = None,
        recipient: str | None = None,
        named: Callable[[Result], object] | None = None,
        **details: Any,
    ) -> Result:
        """What `act` returns or raises; noted in one transaction with what it does, if it does anything.

        `named`: what it was done `on`, where only the result tells.
        """

        def both() -> tuple[Result, AuditLine]:
            result = act()
            what = on if named is None else named(result)
            line = self.line(verb, on=what, recipient=recipient, **details)
            self.database.run(lambda conn: self.write(conn, [line]))
            return result, line

        result, line = self.database.together(both)
        self.say(line)
        return result

    def note(self, verb: str, *, on: object = None, recipient: str | None = None, **details: Any) -> None:
        """Before somebody's data is shown: without the line, nothing is."""
        line = self.line(verb, on=on, recipient=recipient, **details)
        self.database.run(lambda conn: self.write(conn, [line]))
        self.say(line)

    def line(
        self, verb: str, *, on: object = None, recipient: str | None = None, **details: Any
    ) -> AuditLine:
        return AuditLine(
            id=ids.uuid7(),
            at=clock.now(),
            by=self.by,
            verb=verb,
            on=None if on is None else str(on),
            recipient=recipient,
            details={name: value for name, value in details.items() if value is not None},
            correlation_id=self.correlation_id,
        )

    def write(self, conn: Connection, lines: Collection[AuditLine]) -> None:
        audit.add(conn, self.tenant, list(lines))

    def say(self, line: AuditLine) -> None:
        """In the log, too, once it is committed."""
        about = {"tenant": self.tenant, "by": line.by, "verb": line.verb, "on": line.on}
        more = {"recipient": line.recipient, "correlation_id": line.correlation_id}
        said = {name: value for name, value in {**about, **more}.items() if value is not None}
        whom = " ".join(filter(None, [line.on, line.recipient and f"of {line.recipient}"]))
        log.info("%s: %s %s", line.by, line.verb, whom, extra=said)
