from __future__ import annotations

import pytest

from clarion import clock, event
from clarion.demo import feed
from clarion.sources.github import ForgedSignature


def test_every_webhook_is_signed_and_one_changed_byte_is_noticed() -> None:
    for request in feed.requests():
        feed.receive(request)
        with pytest.raises(ForgedSignature):
            feed.receive(feed.forged(request))


def test_every_turn_has_keys_of_its_own() -> None:
    keys = [
        event.make(code, fields).key
        for turn in range(3)
        for code, fields in [
            *(one for request in feed.requests(turn) for one in feed.receive(request)),
            *feed.own_events(clock.now(), turn),
        ]
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
