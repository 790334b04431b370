"""How fast the inbox is in a real Chromium, against a back end in memory on loopback: `python -m benchmarks.browser`.

The figures it is measured against are what the best other components did in the same way; see docs/components.md.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from playwright.sync_api import sync_playwright
from tests.browser.backend import Backend
from tests.browser.conftest import ARGUMENTS, CHROMIUM

from benchmarks.common import RESULTS, machine

LOADS = 20  # of a page whose list is painted
ROUNDS = 7  # of what is live
SLOW_NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
TARGETS = {
    "list painted, loopback, ms": 150,
    "list painted, slow, ms": 850,
    "event to row, 50 rows, ms": 4,
    "burst of 100, ms": 50,
    "burst of 100, requests": 0,
}
# When the first row is on the screen, from the start of the navigation: the page, both modules, the token and the list
# are on the way in this time, and the frame after the row was made.
PAINTED = """
const look = () => document.querySelector('clarion-inbox')?.shadowRoot?.querySelector('.row')
    ? requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }))
    : setTimeout(look, 1);
look();
"""
# From the bytes of an event in the page to the row in the document.
TIMED = """
const read = ReadableStreamDefaultReader.prototype.read;
window.heard = []; window.drawn = [];
ReadableStreamDefaultReader.prototype.read = function () {
    return read.call(this).then((piece) => {
        if (typeof piece.value === 'string' && piece.value.includes('event: change')) heard.push(performance.now());
        return piece;
    });
};
window.watchRows = () => new MutationObserver((changes) => {
    if (changes.some((change) => [...change.addedNodes].some((node) => node.classList?.contains('row')))) drawn.push(performance.now());
}).observe(document.querySelector('clarion-inbox').shadowRoot.querySelector('.rows'), { childList: true });
"""


def filled(backend: Backend, recipient: str, count: int) -> None:
    for _ in range(count):
        backend.inbox(recipient).emit(quietly=True)


def element(backend: Backend, recipient: str) -> str:
    """The page was given its token when it was made, as pages mostly are."""
    token = backend.token(recipient)
    return f"<clarion-inbox></clarion-inbox><script>document.querySelector('clarion-inbox').getToken = () => '{token}'</script>"


def painted(browser: Any, backend: Backend, recipient: str, *, slow: bool) -> float:
    context = browser.new_context(viewport={"width": 900, "height": 760})
    page = context.new_page()
    page.add_init_script(PAINTED)
    if slow:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_NETWORK)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(backend.page(element(backend, recipient)), wait_until="commit")
    page.wait_for_function("window.painted", timeout=30_000)
    found = float(page.evaluate("window.painted"))
    context.close()
    return found


def live(browser: Any, backend: Backend, recipient: str, count: int) -> tuple[float, int]:
    """Milliseconds from the first bytes to the last row, and the requests that it took."""
    inbox = backend.inbox(recipient)
    page = browser.new_page(viewport={"width": 900, "height": 760})
    page.add_init_script(TIMED)
    page.goto(backend.page(element(backend, recipient)))
    page.locator(".row").nth(24).wait_for()
    page.get_by_role("button", name="Show older").click()
    page.locator(".row").nth(49).wait_for()
    page.mouse.move(0, 0)  # what arrives under a hand is held back
    streams = backend.streams["ever"]
    backend.drop_streams()
    while backend.streams["ever"] == streams:
        page.wait_for_timeout(10)
    page.evaluate("heard.length = 0; watchRows()")
    before = len(backend.requests)
    inbox.emit_many(count)
    page.wait_for_function(
        f"document.querySelector('clarion-inbox').shadowRoot.querySelectorAll('.row').length === {50 + count}"
    )
    took = float(page.evaluate("drawn.at(-1) - heard[0]"))
    requests = len(backend.requests) - before
    page.close()
    return took, requests


def main() -> None:
    backend = Backend()
    backend.start()
    found: dict[str, list[float]] = {name: [] for name in TARGETS}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for turn in range(LOADS):
            filled(backend, f"list-{turn}", 25)
            found["list painted, loopback, ms"].append(painted(browser, backend, f"list-{turn}", slow=False))
            found["list painted, slow, ms"].append(painted(browser, backend, f"list-{turn}", slow=True))
        for turn in range(ROUNDS):
            for name in ("one", "burst"):
                filled(backend, f"{name}-{turn}", 60)
            found["event to row, 50 rows, ms"].append(live(browser, backend, f"one-{turn}", 1)[0])
            took, requests = live(browser, backend, f"burst-{turn}", 100)
            found["burst of 100, ms"].append(took)
            found["burst of 100, requests"].append(requests)
        browser.close()
    backend.stop()
    result = {
        name: {
            "median": round(statistics.median(each), 1),
            "best": round(min(each), 1),
            "target": TARGETS[name],
        }
        for name, each in found.items()
    }
    for name, row in result.items():
        print(f"{name:<32} {row['median']:>8} (best {row['best']}, target {row['target']})")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "browser.json").write_text(json.dumps({**machine(), "found": result}, indent=2) + "\n")
    sys.exit(any(row["median"] > row["target"] for row in result.values()))


if __name__ == "__main__":
    main()
