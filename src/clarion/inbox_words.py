"""The words of items: title and text, in the language of whoever reads them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from clarion.errors import InvalidInput
from clarion.event_type import EventType
from clarion.item import Item
from clarion.question import INBOX
from clarion.recipient import Recipient
from clarion.store import people
from clarion.templates import Renderer

log = logging.getLogger(__name__)


class InboxWords:
    """Writes them as the templates of the channel `inbox` say."""

    def __init__(self, renderer: Renderer, types: Mapping[str, EventType]) -> None:
        self._renderer, self._types = renderer, types

    def write(self, conn: Connection, items: Sequence[tuple[str, Item]]) -> list[Item]:
        """These items, each with its recipient, with their words."""
        known = _readers(conn, sorted({(item.event.tenant, recipient) for recipient, item in items}))
        return [self._written(item, known[item.event.tenant, recipient]) for recipient, item in items]

    def _written(self, item: Item, recipient: Recipient) -> Item:
        event = item.event
        type = self._types.get(event.type) or EventType(code=event.type)
        url = self._renderer.url(event)
        try:
            content = self._renderer.render(
                event,
                type,
                channel=INBOX,
                reason=item.reason,
                locale=self._renderer.locale(recipient.locale),
                severity=item.severity,
                recipient=recipient,
            )
        except InvalidInput as error:  # one template that fails must not hide all the other items
            log.warning("the inbox words of event %s: %s", event.id, error)
            return replace(item, title=type.title, url=url)
        return replace(item, title=content.title, text=content.text, url=url)


def _readers(conn: Connection, who: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Recipient]:
    """These recipients, (tenant, id), also those of whom nothing is known."""
    read = people.read(conn, who, ()) if who else {}
    return {
        (tenant, id): read[tenant].recipients.get(id) or Recipient(id=id, known=False) for tenant, id in who
    }
