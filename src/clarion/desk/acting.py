"""What operators do about events, silences, addresses, keys and people, each noted. Methods of a desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import afterwards, api_key, operating
from clarion import silence as silence_
from clarion.api_key import ApiKey, Issued
from clarion.desk.bound import Bound
from clarion.errors import NotAllowed, NotFound
from clarion.event import required_text
from clarion.silence import Silence
from clarion.store import silences
from clarion.store.address_health import AddressHealth

# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────


def cancel_event(desk: Bound, event: UUID) -> None:
    """As `Clarion.cancel`. Raises `NotFound`."""
    tenant, run = desk.tenant, desk.database.run
    desk.do(
        lambda: run(lambda conn: afterwards.cancel(desk.app, conn, event, tenant=tenant)),
        "event.cancel",
        on=f"event {event}",
    )


def resolve(desk: Bound, condition: str) -> None:
    """As `Clarion.resolve`."""
    tenant, run = desk.tenant, desk.database.run
    desk.do(
        lambda: run(lambda conn: afterwards.resolve(desk.app, conn, condition, tenant=tenant)),
        "condition.resolve",
        on=f"condition {condition}",
    )


def withdraw(desk: Bound, subject: str, recipient: str | None = None) -> None:
    """As `Clarion.withdraw`."""
    tenant, run = desk.tenant, desk.database.run
    desk.do(
        lambda: run(lambda conn: afterwards.withdraw(desk.app, conn, subject, recipient, tenant=tenant)),
        "subject.withdraw",
        on=f"subject {subject}",
        recipient=recipient,
    )


# ── Silences ─────────────────────────────────────────────────────────────────────────────────────────────


def find_silences(desk: Bound, *, ended: bool = False) -> list[Silence]:
    """Those that reign, or will, the oldest first; or those that have `ended`, the last first, as long as they are kept,
    a thousand at most."""
    if ended:
        return desk.database.read(lambda conn: silences.over(conn, desk.tenant))
    return desk.database.read(lambda conn: silences.all_of(conn, desk.tenant))


def silence(
    desk: Bound,
    matches: Mapping[str, Any],
    *,
    comment: str,
    until: datetime,
    starts: datetime | None = None,
) -> Silence:
    """As `Clarion.silence`, by whoever is at the desk. Raises `InvalidInput`, `UnknownName`."""
    said = silence_.make(matches, author=desk.by, comment=comment, starts=starts, until=until)
    desk.do(
        lambda: desk.database.run(lambda conn: silences.add(conn, desk.tenant, said)),
        "silence.begin",
        on=f"silence {said.id}",
        recipient=said.matches.recipient,
        until=said.ends_at.isoformat(),
    )
    return said


def end_silence(desk: Bound, id: UUID) -> bool:
    """End a silence now; whether it had not ended before. Raises `NotFound`."""
    if not desk.database.read(lambda conn: silences.stands(conn, desk.tenant, id)):
        raise NotFound(f"there is no silence {id} in tenant {desk.tenant!r}")
    return desk.do(
        lambda: desk.database.run(lambda conn: silences.end(conn, desk.tenant, id)),
        "silence.end",
        on=f"silence {id}",
    )


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────


def find_addresses(
    desk: Bound,
    *,
    gone: bool | None = None,
    recipient: str | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    most: int = 100,
) -> list[AddressHealth]:
    """As `Clarion.addresses`; noted, for it shows them."""
    whose = None if recipient is None else required_text("recipient", recipient)
    where = None if channel is None else required_text("channel", channel)
    desk.note("address.list", on=where, recipient=whose, gone=gone)
    return operating.addresses(
        desk.app, gone=gone, recipient=whose, channel=where, after=after, most=most, tenant=desk.tenant
    )


def revive(desk: Bound, address: UUID) -> bool:
    """As `Clarion.revive`. Raises `NotFound`."""
    return desk.do(
        lambda: operating.revive(desk.app, address, tenant=desk.tenant),
        "address.revive",
        on=f"address {address}",
    )


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────


def keys(desk: Bound) -> list[ApiKey]:
    """The oldest first; those that have expired or were revoked, too."""
    return desk.app.keys.all(tenant=desk.tenant)


def issue_key(desk: Bound, name: str, scopes: Iterable[str], *, expires_at: datetime | None = None) -> Issued:
    """A new key, which may do no more than whoever asks. Raises `NotAllowed`, `InvalidInput`, `UnknownName`."""
    wanted = api_key.checked_scopes(scopes)
    if beyond := [scope for scope in wanted if scope not in desk.scopes]:
        raise NotAllowed(
            f"nobody can give what they do not have: {', '.join(beyond)}; ask somebody whose key has it"
        )

    def issue() -> Issued:
        return desk.app.keys.issue(name, wanted, expires_at=expires_at, by=desk.by, tenant=desk.tenant)

    return desk.do(issue, "key.issue", named=_key, name=name, scopes=list(wanted))


def _key(issued: Issued) -> str:
    return f"key {issued.key.id}"


def revoke_key(desk: Bound, id: UUID) -> ApiKey:
    """Let a key open nothing any more. Raises `NotFound`."""
    return desk.do(
        lambda: desk.app.keys.revoke(id, tenant=desk.tenant),
        "key.revoke",
        on=f"key {id}",
    )


# ── People ───────────────────────────────────────────────────────────────────────────────────────────────


def export(desk: Bound, recipient: str) -> dict[str, list[dict[str, Any]]]:
    """As `recipients.export`. Raises `NotFound`."""
    desk.note("recipient.export", recipient=required_text("recipient", recipient))
    return desk.app.recipients.export(recipient, tenant=desk.tenant)


def erase(desk: Bound, recipient: str) -> dict[str, int]:
    """As `recipients.erase`. Raises `NotFound`.

    The line that tells of it says whom as long as it is asked for, and is then without them, like all others.
    """
    desk.note("recipient.erase", recipient=required_text("recipient", recipient))
    return desk.app.recipients.erase(recipient, tenant=desk.tenant)
