"""Who asks: what everything else goes by. Found in one place (`door`), and needed by every route (`need`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from clarion import api_key

Kind = Literal["key", "recipient", "operator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody of one tenant: a program with a key, a recipient with a token, or an operator who signed in.

    `recipient`: whom a recipient's token is of. `name`: how the history calls them. `ends`: when what they came in
    with is good no longer.
    """

    kind: Kind
    tenant: str
    name: str
    scopes: frozenset[str] = frozenset()
    recipient: str | None = None
    key: UUID | None = None
    ends: datetime | None = None

    @property
    def own(self) -> str:
        """The recipient, on a route of one's own."""
        assert self.recipient is not None, "a route of one's own needs Me"  # noqa: S101 - what Need promises
        return self.recipient

    def may(self, scope: str) -> bool:
        return scope in api_key.allowed(self.scopes)
