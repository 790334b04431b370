"""The life of a client, before a service that answers as a test says."""

from __future__ import annotations

import logging
import os
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion.desktop.desktop import Desktop
from clarion.desktop.service import Away, Place, Service
from clarion.desktop.showing import Showing
from clarion.desktop.stopping import Stopping
from clarion.desktop.toast import Toast
from clarion.errors import NotAllowed, Reject, Retry
from tests.desktop.make import claimed
from tests.desktop.stub import Answer, Asked, Stub, claims, problem, stub
from tests.support import tls
from tests.support.working import PATIENCE


class Kept:
    """A screen that keeps what it shows; `does` may raise, and calls what is to be seen to meanwhile."""

    name = "kept"

    def __init__(self, does: Callable[[Callable[[], None]], None] = lambda _: None) -> None:
        self.shown: list[Toast] = []
        self.receipts: list[str] = []
        self.does = does

    def show(self, toast: Toast, receipt: str, meanwhile: Callable[[], None]) -> None:
        self.does(meanwhile)
        self.shown.append(toast)
        self.receipts.append(receipt)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests as often as ever, for a hundredth of the time."""
    rest = Stopping.rest
    monkeypatch.setattr(Stopping, "rest", lambda self, seconds: rest(self, seconds / 100))


Make = Callable[..., Desktop]


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    with closing(Stopping()) as made:
        yield made


@pytest.fixture
def client(request: pytest.FixtureRequest, stopping: Stopping) -> Make:
    def make(there: Stub, screen: Kept, **said: Any) -> Desktop:
        service = Service(Place.of(there.url), "desktop", lambda: "clk_a", left=lambda: stopping.left)
        request.addfinalizer(service.close)
        said = {"lease": timedelta(seconds=30), "timeout": timedelta(seconds=60), **said}
        return Desktop(service, screen, stopping, **said)

    return make


def answering(*answers: Answer, otherwise: Answer = Answer()) -> Callable[[Asked], Answer]:  # noqa: B008 - a value
    """These, one after the other, to whatever is asked."""
    left = list(answers)
    return lambda asked: left.pop(0) if left else (claims() if asked.verb == "claims" else otherwise)


def test_it_shows_and_says_under_which_id(client: Make) -> None:
    screen, told = Kept(), list[Showing]()
    with stub(answering(claims(claimed()), Answer(), claims())) as there:
        one = client(there, screen, once=True, tell=lambda _toast, showing: told.append(showing))
        one.run()
    assert [toast.title for toast in screen.shown] == ["Merged"]
    assert there.told("sent") == [{"claim": 1, "receipt": screen.receipts[0]}]
    assert told == [Showing(receipt=screen.receipts[0])]
    assert there.verbs == ["claims", "sent", "claims"]
    assert one.unsettled == 0


@pytest.mark.parametrize("error", [Retry("no_display", "dark"), Reject("too_long", "dark")])
def test_what_cannot_be_shown_is_told_now_or_for_good(client: Make, error: Retry | Reject) -> None:
    def fails(_meanwhile: Callable[[], None]) -> None:
        raise error

    with stub(answering(claims(claimed()), Answer(), claims())) as there:
        one = client(there, Kept(fails), once=True)
        one.run()
    permanent = isinstance(error, Reject)
    assert there.told("failed") == [
        {"claim": 1, "code": error.code, "permanent": permanent, "detail": "dark"}
    ]
    assert one.unsettled == 1


def test_what_has_no_words_is_never_shown(client: Make) -> None:
    screen = Kept()
    with stub(answering(claims(claimed(title="", text=" \n")), Answer(), claims())) as there:
        client(there, screen, once=True).run()
    assert there.told("failed")[0]["code"] == "nothing_to_show"
    assert there.told("failed")[0]["permanent"] is True
    assert screen.shown == []


def test_a_word_that_nobody_heard_is_said_again(client: Make) -> None:
    screen = Kept()
    lost = [claims(claimed()), Answer(0), Answer(0), problem(503, "unavailable"), Answer(), claims()]
    with stub(answering(*lost)) as there:
        client(there, screen, once=True).run()
    assert len(screen.shown) == 1
    assert there.told("sent") == [{"claim": 1, "receipt": screen.receipts[0]}] * 4


def test_what_comes_again_after_it_was_shown_is_not_shown_again(client: Make) -> None:
    """Nobody heard it within the lease."""
    screen = Kept()
    late = [claims(claimed()), problem(409, "lease-lost"), claims(claimed(claim=2)), Answer(), claims()]
    with stub(answering(*late)) as there:
        client(there, screen, once=True).run()
    assert len(screen.shown) == 1
    assert there.told("sent") == [{"claim": n, "receipt": screen.receipts[0]} for n in (1, 2)]


def test_a_word_is_not_said_for_ever(client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the lease would have ended, there is more to do."""
    screen = Kept()
    times = iter(range(0, 10_000, 4))
    monkeypatch.setattr("clarion.desktop.desktop.clock.monotonic", lambda: float(next(times)))
    away = [problem(503, "unavailable")] * 100
    with stub(answering(claims(claimed()), *away)) as there:
        one = client(there, screen, once=True)
        with pytest.raises(Away):
            one.run()
    assert 2 < len(there.told("sent")) < 12
    assert there.verbs[-1] == "claims"
    assert one.unsettled == 1


def test_while_it_is_away_that_is_said_once(
    client: Make, stopping: Stopping, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "clarion.desktop")
    screen = Kept(lambda _: stopping.stop())
    busy = problem(429, "too-many", Retry_After="1")
    away = [Answer(0), problem(503, "unavailable"), Answer(502), busy, claims(claimed()), Answer()]
    with stub(answering(*away)) as there:
        client(there, screen).run()
    said = [record.getMessage() for record in caplog.records]
    assert [one.partition(":")[0] for one in said] == [
        "the service is away, trying again",
        "the service is back",
    ]
    assert len(screen.shown) == 1


def test_a_key_that_holds_no_more_ends_it(client: Make) -> None:
    refused = pytest.raises(NotAllowed, match="so it is")
    with stub(answering(claims(), claims(), problem(401, "unauthenticated"))) as there, refused:
        client(there, Kept()).run()
    assert there.verbs == ["claims"] * 3


def test_once_it_does_not_wait(client: Make) -> None:
    with stub(answering(problem(503, "unavailable"))) as there, pytest.raises(Away, match="it answers 503"):
        client(there, Kept(), once=True).run()
    with stub(answering(claims())) as there:
        client(there, Kept(), once=True).run()
    assert there.told("claims")[0]["wait"] == 0


# ── While it is being shown ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the client's time pass."""
    now = [1000.0]
    monkeypatch.setattr("clarion.desktop.desktop.clock.monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_its_lease_is_extended_while_it_takes_long(client: Make, moving: Callable[[float], None]) -> None:
    def slow(meanwhile: Callable[[], None]) -> None:
        for _ in range(5):
            moving(6)
            meanwhile()

    extended = Answer(200, {"cancelled": False})
    with stub(answering(claims(claimed()), extended, extended, Answer(), claims())) as there:
        client(there, Kept(slow), once=True).run()
    assert there.verbs == ["claims", "extend", "extend", "sent", "claims"]
    assert there.told("extend") == [{"claim": 1, "lease": 30}] * 2


def test_what_takes_too_long_is_ended(client: Make, moving: Callable[[float], None]) -> None:
    def hangs(meanwhile: Callable[[], None]) -> None:
        while True:
            moving(9)
            meanwhile()

    with stub(answering(claims(claimed()), otherwise=Answer(200, {}))) as there:
        client(there, Kept(hangs), once=True).run()
    (failed,) = there.told("failed")
    assert (failed["code"], failed["permanent"]) == ("timed_out", False)
    assert "kept took longer than 0:01:00" in failed["detail"]


def test_what_was_taken_back_is_ended(client: Make, moving: Callable[[float], None]) -> None:
    def slow(meanwhile: Callable[[], None]) -> None:
        moving(20)
        meanwhile()

    with stub(answering(claims(claimed()), Answer(200, {"cancelled": True}), Answer(), claims())) as there:
        client(there, Kept(slow), once=True).run()
    assert [one["code"] for one in there.told("failed")] == ["withdrawn"]


@pytest.mark.parametrize("answer", [problem(409, "lease-lost"), problem(503, "unavailable"), Answer(0)])
def test_a_lease_that_cannot_be_extended_does_not_end_what_may_be_seen(
    client: Make, moving: Callable[[float], None], answer: Answer
) -> None:
    def slow(meanwhile: Callable[[], None]) -> None:
        moving(20)
        meanwhile()

    screen = Kept(slow)
    with stub(answering(claims(claimed()), answer, Answer(), claims())) as there:
        client(there, screen, once=True).run()
    assert len(screen.shown) == 1
    assert len(there.told("sent")) >= 1


# ── Being told to stop ───────────────────────────────────────────────────────────────────────────────────


def test_what_came_when_it_was_told_to_stop_is_given_back(client: Make, stopping: Stopping) -> None:
    screen = Kept()

    def answer(asked: Asked) -> Answer:
        stopping.stop()
        return claims(claimed()) if asked.verb == "claims" else Answer()

    with stub(answer) as there:
        client(there, screen).run()
    assert there.verbs == ["claims", "give-back"]
    assert screen.shown == []


@pytest.mark.parametrize(("times", "came_to"), [(1, "sent"), (2, "give-back")])
def test_what_is_being_shown_has_a_while_to_end(
    client: Make, stopping: Stopping, times: int, came_to: str
) -> None:
    def slow(meanwhile: Callable[[], None]) -> None:
        for _ in range(times):
            stopping.stop()
        meanwhile()

    with stub(answering(claims(claimed()))) as there:
        client(there, Kept(slow)).run()
    assert there.verbs == ["claims", came_to]


def test_a_screen_that_is_gone_ends_it_and_gives_back(client: Make) -> None:
    def gone(_meanwhile: Callable[[], None]) -> None:
        raise BrokenPipeError

    with stub(answering(claims(claimed()))) as there, pytest.raises(BrokenPipeError):
        client(there, Kept(gone)).run()
    assert there.verbs == ["claims", "give-back"]


def contexts(folder: Path, secure: bool) -> tuple[ssl.SSLContext | None, Path]:
    server, _ = tls.contexts(folder)
    return (server if secure else None), folder / "server.pem"


@pytest.fixture(params=[False, True], ids=["http", "https"])
def silent(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Stub, threading.Event]]:
    """A service that never answers a claim, and whether it was asked."""
    asked, over = threading.Event(), threading.Event()

    def answer(_asked: Asked) -> Answer:
        asked.set()
        over.wait(PATIENCE)
        return Answer(0)

    context, trusted = contexts(tmp_path, request.param)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with stub(answer, context) as there:
        yield there, asked
        over.set()


def test_a_signal_ends_its_waiting_at_once(
    client: Make, stopping: Stopping, silent: tuple[Stub, threading.Event]
) -> None:
    there, asked = silent
    one = client(there, Kept())

    def tell() -> None:
        assert asked.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGTERM)

    telling = threading.Thread(target=tell)
    with stopping.heeding(one.cut):
        telling.start()
        one.run()
    telling.join()
    assert there.verbs == ["claims"]


def test_a_signal_that_is_ignored_stays_so(stopping: Stopping) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.heeding(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
