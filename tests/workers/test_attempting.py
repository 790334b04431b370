"""An attempt's message: words that several share are written once, and personal ones for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion import clock, event, ids
from clarion.delivery import Claim
from clarion.errors import Reject
from clarion.event_type import EventType
from clarion.recipient import Recipient, StoredAddress
from clarion.severity import Severity
from clarion.store.queue import Work
from clarion.templates import Renderer
from clarion.workers.asking import Alike, Ready, Said
from clarion.workers.attempting import message_of

NOTE = EventType(code="note", channels=("email",))
EVENT = event.make("note", {"data": {"title": "Lunch"}})


@pytest.fixture
def said() -> dict[Alike, Said]:
    """Of one group."""
    return {}


def ready(
    who: str,
    said: dict[Alike, Said],
    *,
    locale: str = "en",
    of_address: str | None = None,
    reason: str = "cc",
) -> Ready:
    now, recipient = clock.now(), Recipient(id=who, name=who.title(), locale=locale)
    address = StoredAddress(id=ids.uuid7(), channel="email", value=f"{who}@a.test", locale=of_address)
    claim = Claim(
        tenant="default", delivery_id=ids.uuid7(), fence=1, attempts=2, losses=0, lane="default", now=now
    )
    work = Work(
        claim=claim,
        notification_id=ids.uuid7(),
        event_id=EVENT.id,
        recipient=who,
        reason=reason,
        severity=Severity.INFO,
        created_at=now,
        read=False,
        withdrawn=False,
        resolved=False,
        address_id=address.id,
        known=recipient,
        address=address,
        said=False,
    )
    return Ready(work, EVENT, NOTE, recipient, address, said)


def templates(folder: Path, subject: str) -> Renderer:
    (folder / "note").mkdir()
    (folder / "note" / "email.subject.j2").write_text(subject)
    return Renderer(directory=folder)


def test_it_says_whose_it_is_and_which_attempt(said: dict[Alike, Said]) -> None:
    one = ready("bob", said)
    message = message_of(one, "email", Renderer(base_url="https://a.test"))
    assert (message.id, message.tenant, message.attempt) == (one.work.claim.delivery_id, "default", 3)
    assert (message.event, message.recipient, message.reason) == (EVENT, one.recipient, "cc")
    assert (message.severity, message.locale, message.url) == (Severity.INFO, "en", None)
    assert message.content.title == "Lunch"


def test_all_who_are_alike_share_the_words(said: dict[Alike, Said]) -> None:
    renderer = Renderer()
    bob, eve = (message_of(ready(who, said), "email", renderer) for who in ("bob", "eve"))
    assert (bob.recipient.id, eve.recipient.id) == ("bob", "eve")
    assert bob.content is eve.content
    others = [
        message_of(ready("ann", said, locale="de"), "email", renderer),
        message_of(ready("ann", said, locale="", of_address="de"), "email", renderer),
        message_of(ready("ann", said, reason="mention"), "email", renderer),
    ]
    assert [other.locale for other in others] == ["de", "de", "en"]
    assert others[0].content == others[1].content
    assert all(other.content != bob.content for other in others)


def test_personal_words_are_written_for_each(said: dict[Alike, Said], tmp_path: Path) -> None:
    renderer = templates(tmp_path, "Hello {{ recipient.name }}")
    titles = [message_of(ready(who, said), "email", renderer).content.title for who in ("bob", "eve", "bob")]
    assert titles == ["Hello Bob", "Hello Eve", "Hello Bob"]


def test_what_cannot_be_written_is_rejected_each_time(said: dict[Alike, Said], tmp_path: Path) -> None:
    renderer = templates(tmp_path, "{{ data.nothing }}")
    for _ in range(2):
        with pytest.raises(Reject, match="nothing"):
            message_of(ready("bob", said), "email", renderer)
