"""The line of time as a drawing: everything inside it, lanes by channel, bars for a crowd."""

from __future__ import annotations

import pytest

from clarion import Clarion
from clarion.web.console import times, timescale
from clarion.web.console.timescale import LEFT, WIDTH
from tests.support.working import emit
from tests.web.console.scene import posted

pytestmark = pytest.mark.anyio
UTC = times.zone("UTC", None)


async def test_marks_and_bars(clarion: Clarion) -> None:
    event = await posted(clarion, to=["bob", "fails", "carol"], actor="alice")
    drawn = timescale.drawn(clarion.story(event), UTC, crowd=False)
    assert drawn is not None
    assert [name for name, _ in drawn.lanes] == ["event", "wire"]
    assert drawn.bars == ()
    assert all(LEFT <= mark.x <= WIDTH for mark in drawn.marks)
    tones = {mark.said: mark.tone for mark in drawn.marks}
    assert (tones["fails: failed"], tones["bob: sent"]) == ("bad", "good")
    crowd = timescale.drawn(clarion.story(event, most=1), UTC, crowd=True)
    assert crowd is not None
    assert sorted((bar.said, bar.tone) for bar in crowd.bars) == [("1 failed", "bad"), ("1 sent", "good")]


async def test_one_instant_is_no_line(clarion: Clarion) -> None:
    story = clarion.story(emit(clarion, "note", to=["bob"]))
    assert timescale.drawn(story, UTC, crowd=False) is None
