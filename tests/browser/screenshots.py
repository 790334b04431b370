"""Screenshots of the console, light and dark, wide and narrow: python -m tests.browser.screenshots [FOLDER]

Of an application that has told people of reviews and builds for some hours. The folder is docs/screenshots, unless said.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from clarion import Clarion, Cooldown, Gone, Policy, Reject, Retries, clock
from clarion.message import Message
from clarion.recipient import Address
from clarion.sought import DeliveryFilter
from clarion.web.settings import Settings, TokenSettings
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.working import Wire, emit, limits, until, working
from tests.web.conftest import SECRET
from tests.web.console.conftest import ALL
from tests.web.inbox import served

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
PAGES = {
    "overview": "",
    "queue": "/queue",
    "channel": "/queue/email",
    "recipients": "/recipients",
    "recipient": "/recipients/alice",
    "silences": "/silences",
    "types": "/types",
    "type": "/types/cl.comment",
    "keys": "/keys",
    "audit": "/audit",
    "examination": "/examination",
    "search": "/search?kind=deliveries",
    "failures": "/failures",
    "templates": "/templates?type=cl.comment",
}
MODES: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}},
}
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
STEP, STEPS = timedelta(minutes=10), 36
_chance = random.Random(7)


async def _mail(_message: Message, to: Address) -> str:
    await asyncio.sleep(_chance.random() / 20)
    if to.value.startswith("heidi"):
        raise Gone("unknown", "550 5.1.1 no such user here")
    if _chance.random() < 0.04:
        raise Reject("spam", f"554 5.7.1 message {_chance.randrange(10**6)} looks like spam")
    return f"250 2.0.0 queued as {_chance.randrange(10**8):x}"


def application(path: Path) -> Clarion:
    made = Clarion(
        f"sqlite:///{path / 'clarion.db'}",
        channels=[Wire(_mail, name="email"), Wire(name="webhook")],
        name="Acme Review",
        limits=limits(),
    )
    made.migrate()
    soon = Retries(waits=(timedelta(milliseconds=50),) * 3)
    both = ["inbox", "email"]
    cooled = Policy(retries=soon, cooldown=Cooldown(minutes=15, key="thread", channels=("email",)))
    made.type(
        "cl.comment", channels=both, category="reviews", description="Somebody commented.", policy=cooled
    )
    made.type("cl.merged", channels=both, category="reviews", description="A change was merged.", policy=Policy(retries=soon))  # fmt: skip
    made.type("build.failed", channels=["inbox", "webhook"], category="builds", severity="action", description="A build failed.", policy=Policy(retries=soon))  # fmt: skip
    made.type("security.alert", channels=both, category="account", severity="urgent", required=True, description="Something happened to your account.", policy=Policy(retries=soon))  # fmt: skip
    made.start()
    for name in PEOPLE:
        where = {"email": f"{name}@acme.test", "webhook": f"https://hooks.acme.test/{name}"}
        made.recipients.upsert(name, name=name.title(), addresses=where, time_zone="America/New_York", roles=["reviewer"])  # fmt: skip
    made.recipients.choose(
        "alice",
        by="alice",
        quiet_hours={"weekdays": ["22:00-07:00"]},
        preferences=[{"scope": "category:builds", "channel": "webhook", "enabled": False}],
        topics=[{"topic": "cl/42", "level": "mentions"}],
    )
    return made


def _calm(clarion: Clarion) -> bool:
    """Whether nothing is due or being sent: what is held for quiet hours waits on."""
    now, desk = clarion.overview(), clarion.desk("a picture")
    busy = (
        any(one.backlog.due for one in now.channels) or desk.deliveries(DeliveryFilter(state="sending")).items
    )
    return not now.events.waiting and not busy


async def fill(clarion: Clarion) -> None:
    """Some hours of a day, each step as if it were then."""
    types = ("cl.comment", "cl.comment", "cl.merged", "build.failed", "security.alert")
    for _ in range(STEPS):
        for _ in range(_chance.randrange(2, 9)):
            n = _chance.randrange(40, 60)
            some = _chance.sample(PEOPLE, 3)
            emit(clarion, _chance.choice(types), actor=some[0], subject=f"cl/{n}", thread=f"cl/{n}", to={"reviewer": some[1:]}, data={"title": f"Change {n}"})  # fmt: skip
        async with working(clarion):
            await until(lambda: _calm(clarion))
        clock.travel(STEP)
    clarion.pause(
        "webhook",
        until=clock.now() + timedelta(hours=2),
        by="operator olga",
        because="They move to another host",
    )
    for _ in range(5):
        emit(clarion, "build.failed", actor="bob", subject="build/7", to=["alice", "carol"])
    soon = clock.now() + timedelta(hours=4)
    desk = clarion.desk("operator olga")
    desk.silence(
        {"type": "build.*", "below": "urgent"}, comment="The build machines are being replaced", until=soon
    )


def take(browser: Browser, url: str, secret: str, folder: Path, pages: Mapping[str, str]) -> None:
    for mode, options in MODES.items():
        context = browser.new_context(
            timezone_id="Europe/Berlin", locale="en-GB", reduced_motion="reduce", **options
        )
        page = context.new_page()
        page.goto(f"{url}/console/sign-in")
        page.screenshot(path=folder / f"console-sign-in-{mode}.png")
        page.get_by_label("Key").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        for name, path in pages.items():
            page.goto(f"{url}/console{path}")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"console-{name}-{mode}.png", full_page=True)
        context.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as at:
        clock.travel(-STEP * STEPS)
        clarion = application(Path(at))
        asyncio.run(fill(clarion))
        story = clarion.desk("a picture").events().items[-1]
        secret = clarion.keys.issue("olga", [*ALL, "recipients:read", "recipients:write"]).secret
        with (
            served(clarion, Settings(tokens=TokenSettings(secret=SECRET))) as (url, _),
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            take(browser, url, secret, folder, {**PAGES, "event": f"/events/{story.id}"})
            browser.close()
        clarion.close()


if __name__ == "__main__":
    main()
