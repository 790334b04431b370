"""One event: who was told and who was not, every attempt, and what bore on it since, on one line of time."""

from __future__ import annotations

import json
from datetime import timedelta

from starlette.responses import Response

from clarion import clock
from clarion.delivery import State
from clarion.errors import InvalidInput, shown
from clarion.explanation import Explanation
from clarion.story import Story
from clarion.web.console import timescale
from clarion.web.console.page import Page
from clarion.web.console.pages import Pages
from clarion.web.problem import Problem

pages = Pages()

PEOPLE = 50
SOON = timedelta(minutes=1)
DATA_SHOWN = 20_000  # characters

# What can be done about an event: what it is called, and what it does.
ACTIONS = {
    "cancel": (
        "Cancel this event",
        "It leaves all inboxes, and what was not sent of it is not sent any more. What was sent stays sent.",
    ),
    "resolve": (
        "Resolve its condition",
        "What was not sent of it is cancelled, and the next event with this condition opens it afresh.",
    ),
    "withdraw": (
        "Withdraw all about its subject",
        "All that was emitted about this subject until now leaves the inboxes, this event and every other, and what was not sent is cancelled.",
    ),
}


@pages.get("/events/{event}")
async def story(page: Page) -> Response:
    """The whole story; of one recipient, with `recipient`."""
    who = page.query.get("recipient")
    found, why, zones = await page.run(lambda: _read(page, who))
    crowd = who is None and not found.whole
    return page.show(
        "story.html",
        story=found,
        event=found.event,
        who=who,
        why=why,
        data=shown_data(found.event.data),
        scale=timescale.drawn(found, page.zone, crowd=crowd),
        crowd=crowd,
        own=[m for m in found.moments if m.recipient is None or not crowd],
        failed=sum(one.number for one in found.standing.deliveries if one.state is State.FAILED),
        actions=_possible(found),
        under_way=_under_way(found),
        known_type=found.event.type in page.clarion.types,
        zones=zones,
    )


def _read(page: Page, who: str | None) -> tuple[Story, Explanation | None, list[tuple[str, str]]]:
    """The story; of one recipient, why they were told or not, and the zone in which they live."""
    event, after = page.id("event"), page.query.text("after")
    why = None if who is None else page.desk.why(event, who)
    found = page.clarion.story(event, recipient=who, after=after, most=PEOPLE, tenant=page.tenant)
    person = None if who is None else page.clarion.recipients.get(who, tenant=page.tenant)
    zone = None if person is None else person.time_zone
    return found, why, [] if zone is None else [(zone, f"{who}’s ({zone})")]


def _under_way(found: Story) -> bool:
    """Whether more is about to happen by itself."""
    soon, progress = clock.now() + SOON, found.progress
    if progress.due_at is not None and progress.failure is None and progress.due_at <= soon:
        return True
    waits = [one for one in found.standing.deliveries if one.state in (State.WAITING, State.SENDING)]
    return any(one.first is not None and one.first <= soon for one in waits)


def shown_data(data: object) -> str:
    """JSON to be read, and not more of it than one reads."""
    text = json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= DATA_SHOWN else text[:DATA_SHOWN] + "\n…"


# ── What can be done ─────────────────────────────────────────────────────────────────────────────────────


def _possible(found: Story) -> list[str]:
    event, progress = found.event, found.progress
    cancelled = any(one.what == "event" and one.recipient is None for one in found.taken_back)
    possible = {
        "cancel": progress.withdrawn_at is None and not cancelled,
        "resolve": event.condition is not None and progress.resolved_at is None,
        "withdraw": event.subject is not None and progress.withdrawn_at is None,
    }
    return [name for name in ACTIONS if possible[name]]


@pages.get("/events/{event}/{action}", "operate")
async def ask(page: Page) -> Response:
    """Whether it is meant."""
    found = await page.run(lambda: page.clarion.story(page.id("event"), most=1, tenant=page.tenant))
    action = _action(page)
    if action not in _possible(found):
        return page.to(f"/events/{found.event.id}", say="There is nothing left of it to do that to.")
    title, effect = ACTIONS[action]
    return page.show(
        "story_ask.html", story=found, event=found.event, action=action, title=title, effect=effect
    )


@pages.post("/events/{event}/{action}", "operate")
async def act(page: Page) -> Response:
    """Do it."""
    desk, id, action = page.desk, page.id("event"), _action(page)

    def do() -> str:
        event = page.clarion.story(id, most=1, tenant=page.tenant).event
        match action:
            case "resolve" if event.condition is not None:
                desk.resolve(event.condition)
                return f"The condition {event.condition} is resolved."
            case "withdraw" if event.subject is not None:
                desk.withdraw(event.subject)
                return f"All about {event.subject} is withdrawn."
            case "cancel":
                desk.cancel_event(id)
                return "The event is cancelled."
        raise InvalidInput(f"event {id} has nothing to {action}")

    return page.to(f"/events/{id}", say=await page.run(do))


def _action(page: Page) -> str:
    action = page.text("action")
    if action not in ACTIONS:
        raise Problem("not-found", f"nothing called {shown(action)} can be done with an event")
    return action
