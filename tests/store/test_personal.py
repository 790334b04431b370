"""Whatever is told of one person is exported; once they are erased, nothing of them is left in any table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from clarion import Address, Clarion, NotFound, Reject, Role
from clarion.message import Message
from clarion.store.schema import metadata, notifications
from tests.support.working import Wire, count, done, emit, limits, until, working

NAME, MAIL, OTHER = "Roberta Quux", "roberta@quux.test", "bobbie@elsewhere.test"
VALUES = ("roberta-id", NAME, MAIL, OTHER)


@pytest.fixture
def clarion(database_url: str) -> Iterator[Clarion]:
    async def refuses(_message: Message, address: Address) -> str:
        if address.value == OTHER:
            raise Reject("550", f"<{OTHER}>: no such mailbox")
        return f"queued for {address.value}"

    made = Clarion(database_url, channels=[Wire(refuses)], limits=limits())
    made.type("note", channels=["inbox", "wire"], category="notes")
    yield made
    made.close()


def lived(clarion: Clarion) -> None:
    """Somebody who was told, chose, did something, and was written to without an account; and a neighbour."""
    recipients = clarion.recipients
    recipients.upsert(
        "roberta-id", name=NAME, addresses={"wire": [MAIL, OTHER]}, roles=["admin"], by="roberta-id"
    )
    recipients.upsert("carol", name="Carol", addresses={"wire": "carol@a.test"})
    recipients.prefer("roberta-id", "category:notes", channel="wire", enabled=True, by="roberta-id")
    recipients.prefer("carol", "category:notes", enabled=True, by="roberta-id")
    recipients.subscribe("roberta-id", "cl/42")
    emit(
        clarion,
        "note",
        to=["roberta-id", "carol"],
        data={"text": f"{NAME} <{MAIL}> did it", "who": "roberta-id"},
    )
    emit(clarion, "note", actor="roberta-id", to=["carol"], data={"by": NAME}, url=f"/people?mail={MAIL}")
    emit(clarion, "note", to=[Address("wire", MAIL)], data={"text": "without an account"})
    emit(clarion, "note", to=[Role("admin")], data={"text": "for the last of a crowd"})
    emit(clarion, "note", to=["carol"], data={"text": "of others", "quote": 'a "quote" and nothing else'})
    clarion.database.run(lambda conn: clarion.withdraw(conn, "cl/7", "roberta-id"))

    async def run() -> None:
        async with working(clarion):
            await until(lambda: done(clarion))

    asyncio.run(run())


def everything(clarion: Clarion) -> dict[str, str]:
    """All rows of every table, as text."""

    def read(conn: sa.Connection) -> dict[str, str]:
        return {
            table.name: "\n".join(str(dict(row._mapping)) for row in conn.execute(sa.select(table)))
            for table in metadata.tables.values()
        }

    return clarion.database.read(read)


def where(clarion: Clarion) -> set[str]:
    return {name for name, rows in everything(clarion).items() if any(value in rows for value in VALUES)}


def test_nothing_is_left_of_whom_is_erased(clarion: Clarion) -> None:
    lived(clarion)
    assert {
        f"clarion_{name}"
        for name in ("recipients", "addresses", "events", "notifications", "outcomes", "preference_changes")
    } <= where(clarion)
    others = clarion.recipients.said("carol")
    gone = clarion.recipients.erase("roberta-id")
    assert where(clarion) == set()
    assert gone["recipients"] == 1
    assert gone["addresses"] == 3
    assert gone["notifications"] == 3
    assert gone["events"] == 3
    assert clarion.recipients.said("carol") == others
    assert count(clarion, notifications, notifications.c.recipient == "carol", notifications.c.visible) == 3
    with pytest.raises(NotFound):
        clarion.recipients.erase("roberta-id")


def test_what_others_need_stays(clarion: Clarion) -> None:
    lived(clarion)
    clarion.recipients.erase("roberta-id")
    rows = everything(clarion)["clarion_events"]
    assert "erased <erased> did it" in rows
    assert 'a "quote" and nothing else' in rows
    assert "'actor': 'erased'" in rows
    assert "'by': 'erased'" in rows
    for row in clarion.database.read(
        lambda conn: conn.execute(sa.select(metadata.tables["clarion_events"])).all()
    ):
        assert clarion.counts(row.id).complete
    assert "carol@a.test" in everything(clarion)["clarion_addresses"]


def test_only_of_their_tenant(clarion: Clarion) -> None:
    lived(clarion)
    clarion.recipients.upsert("roberta-id", name=NAME, tenant="other")
    emit(clarion, "note", to=["roberta-id"], actor="roberta-id", data={"by": NAME}, tenant="other")
    clarion.recipients.erase("roberta-id")
    assert where(clarion) >= {"clarion_recipients", "clarion_events"}
    kept = clarion.recipients.export("roberta-id", tenant="other")
    assert [one["data"] for one in kept["events"]] == [{"by": NAME}]


def test_a_short_name_or_id_spoils_no_words_of_others(clarion: Clarion) -> None:
    clarion.recipients.upsert("al", name="Al")
    clarion.recipients.upsert("carol", name="Carol")
    event = emit(
        clarion,
        "note",
        actor="al",
        to=["carol", "al"],
        data={"text": "Al also told Alan", "al": 1, "who": "al"},
    )
    clarion.recipients.erase("al")
    (row,) = clarion.recipients.export("carol")["events"] or [
        None
    ]  # not decided on yet: carol has no notification
    assert row is None
    stored = everything(clarion)["clarion_events"]
    assert str(event) in stored
    assert "Al also told Alan" in stored
    assert "'who': 'erased'" in stored


def test_all_of_it_is_exported(clarion: Clarion) -> None:
    lived(clarion)
    exported = clarion.recipients.export("roberta-id")
    told: dict[str, list[Any]] = json.loads(json.dumps(exported))
    assert [one["name"] for one in told["recipients"]] == [NAME]
    assert {one["value"] for one in told["addresses"]} == {MAIL, OTHER}
    assert [one["role"] for one in told["recipient_roles"]] == ["admin"]
    assert [one["topic"] for one in told["subscriptions"]] == ["cl/42"]
    assert len(told["notifications"]) == 3
    assert len(told["deliveries"]) == 5
    assert any("no such mailbox" in (one["detail"] or "") for one in told["outcomes"])
    assert {one["data"].get("by") for one in told["events"]} == {None, NAME}
    assert "carol" not in json.dumps(told)
    with pytest.raises(NotFound):
        clarion.recipients.export("nobody")
