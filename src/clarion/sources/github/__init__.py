"""GitHub webhooks as events: `verify` the signature, turn a webhook into `events`, `declare` their types."""

from clarion.sources.github.catalog import TYPES, declare
from clarion.sources.github.dispatch import events
from clarion.sources.github.mentions import mentions
from clarion.sources.github.signature import ForgedSignature, verify
from clarion.sources.github.webhook import recipient_id, topic_of

__all__ = ["TYPES", "ForgedSignature", "declare", "events", "mentions", "recipient_id", "topic_of", "verify"]
