"""That everything has its room, however narrow the page and however long the words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.pages import await_that


@pytest.mark.parametrize("lang", ["en", "de", "fr", "ar"])
@pytest.mark.parametrize("width", [320, 432, 900])
def test_the_heading_has_room_beside_its_buttons(
    show: Any, inbox: Any, context: Any, width: int, lang: str
) -> None:
    for n in range(25):
        inbox.emit(f"N{n}", quietly=True)
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 640})
    page = show("bell", page=page, lang=lang)
    page.locator("button.bell").click()
    await_that(page, page.locator(".tool").first.is_visible, "drawn")
    heading, *tools = page.locator("clarion-inbox .top").evaluate(
        """(top) => {
            const text = document.createRange();
            text.selectNodeContents(top.querySelector('h2'));
            const boxes = [text, ...top.querySelectorAll('.tool')].map((each) => each.getBoundingClientRect());
            return boxes.map(({ left, right, height }) => ({ left, right, height }));
        }"""
    )
    panel = page.locator("clarion-inbox").bounding_box()
    first = tools[0]
    assert max(first["left"] - heading["right"], heading["left"] - first["right"]) >= 8
    assert heading["height"] < 40, "one line"
    for tool in tools:
        assert panel["x"] <= tool["left"] < tool["right"] <= panel["x"] + panel["width"]
