"""The preferences: real inputs, saved one by one, put back where the server refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.pages import await_that


@pytest.fixture
def page(show: Any, inbox: Any) -> Any:
    found = show("preferences")
    found.get_by_role("checkbox", name="A deploy of yours failed: Email").wait_for()
    return found


def test_a_cell_is_saved_when_it_is_changed(page: Any, inbox: Any) -> None:
    page.get_by_role("checkbox", name="A deploy of yours failed: Email").uncheck()
    await_that(
        page,
        lambda: (
            inbox.me["preferences"] == [{"scope": "type:deploy.failed", "channel": "email", "enabled": False}]
        ),
        "saved",
    )
    page.locator(".note").get_by_text("Saved").wait_for()


def test_a_refused_change_goes_back_alone(page: Any, backend: Any, inbox: Any) -> None:
    backend.fail("/v1/me", 500)
    backend.slow["me"] = 0.3
    refused = page.get_by_role("checkbox", name="A deploy of yours failed: Email")
    kept = page.get_by_role("checkbox", name="A deploy of yours failed: Inbox")
    refused.uncheck()
    kept.uncheck()
    page.get_by_text("Not saved, and put back. Told to answer 500").first.wait_for()
    await_that(page, lambda: len(inbox.me["preferences"]) == 1, "the other is saved")
    assert refused.is_checked()
    assert not kept.is_checked()


def test_a_required_cell_says_who_and_why(page: Any) -> None:
    locked = page.get_by_role("checkbox", name="Your account was locked: Email. Required by this application")
    assert locked.is_disabled()
    assert page.get_by_text("Required by this application: it cannot be switched off").is_visible()


def test_severity_and_mode_by_category(page: Any, inbox: Any) -> None:
    page.get_by_label("Severity: reviews, Email").select_option("action")
    await_that(
        page,
        lambda: (
            {"scope": "category:reviews", "channel": "email", "min_severity": "action"}
            in inbox.me["preferences"]
        ),
        "severity",
    )
    page.get_by_label("When: reviews, Email").select_option("digest")
    await_that(
        page,
        lambda: (
            {"scope": "category:reviews", "channel": "email", "mode": "digest"} in inbox.me["preferences"]
        ),
        "mode",
    )


def test_no_digest_is_offered_where_nothing_collects_one(show: Any, inbox: Any) -> None:
    inbox.me["modes"] = ["now"]
    page = show("preferences")
    page.get_by_label("Severity: reviews, Email").wait_for()
    assert page.get_by_label("When: reviews, Email").count() == 0


def test_quiet_hours_by_weekday(page: Any, inbox: Any) -> None:
    assert page.get_by_label("Monday: From").input_value() == "22:00"
    page.get_by_role("checkbox", name="Quiet hours: Saturday").check()
    await_that(page, lambda: inbox.me["quiet_hours"].get("sat") == [["22:00", "07:00"]], "saved")
    page.get_by_label("Saturday: Until").fill("09:30")
    page.get_by_label("Saturday: Until").blur()
    await_that(page, lambda: inbox.me["quiet_hours"]["sat"] == [["22:00", "09:30"]], "saved")
    page.get_by_role("checkbox", name="Quiet hours: Monday").uncheck()
    await_that(page, lambda: inbox.me["quiet_hours"]["mon"] == [], "off")


def test_silence_and_resume(page: Any, inbox: Any) -> None:
    page.get_by_role("button", name="For a day").click()
    page.get_by_text("Everything is silent until").wait_for()
    assert inbox.me["silent_until"]
    page.get_by_role("button", name="Resume", exact=True).click()
    await_that(page, lambda: inbox.me["silent_until"] is None, "resumed")
    page.get_by_role("button", name="Until I resume").click()
    page.get_by_text("Everything is silent.", exact=True).wait_for()
    assert inbox.me["enabled"] is False


def test_watch_levels(page: Any, inbox: Any) -> None:
    page.get_by_label("Level: cl/42").select_option("mentions")
    await_that(page, lambda: inbox.me["topics"][0]["level"] == "mentions", "saved")


def test_preferences_heal_by_themselves(show: Any, backend: Any, inbox: Any) -> None:
    backend.fail("/v1/me", 500, 500)
    page = show("preferences")
    page.get_by_text("Preferences could not be loaded").wait_for()
    page.get_by_role("checkbox", name="A deploy of yours failed: Email").wait_for(timeout=5000)
