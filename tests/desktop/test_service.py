"""What the service's answers mean to a client, and its connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clarion.desktop.service import LARGEST, Away, Place, Service
from clarion.errors import ClarionError, ConfigError, InvalidInput, LeaseLost, NotAllowed, NotFound
from tests.desktop.make import ID, claimed, toast
from tests.desktop.stub import Answer, Asked, claims, problem, stub

Make = Callable[..., Service]


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Make:
    def make(
        url: str, *, channel: str = "desktop", key: Callable[[], str] = lambda: "clk_a", **said: Any
    ) -> Service:
        made = Service(Place.of(url), channel, key, **said)
        request.addfinalizer(made.close)
        return made

    return make


def test_what_is_asked_and_by_whom(service: Make) -> None:
    with stub(lambda _: claims(claimed())) as there:
        one = service(f"{there.url}/clarion/", recipient="Zoë", device="laptop")
        found = one.claim(lease=30, wait=0)
        assert found == toast()
    (asked,) = there.asked
    assert asked.path == "/clarion/v1/sinks/desktop/claims"
    assert asked.body == {"limit": 1, "lease": 30, "wait": 0, "address": "laptop"}
    assert asked.headers["Authorization"] == "Bearer clk_a"
    assert asked.headers["Clarion-Recipient"] == "Zoë"


def test_what_became_of_it_is_told_on_one_connection(service: Make) -> None:
    with stub(
        lambda asked: Answer(200, {"cancelled": True}) if asked.verb == "extend" else Answer()
    ) as there:
        one = service(there.url)
        assert one.extend(toast(claim=3), 30)
        one.sent(toast(claim=3), "print:1")
        one.failed(toast(claim=3), "no_display", permanent=False, detail="dark")
        one.give_back(toast(claim=3))
    assert there.connections == 1
    assert [asked.path for asked in there.asked] == [
        f"/v1/sinks/desktop/claims/{ID}/{verb}" for verb in ("extend", "sent", "failed", "give-back")
    ]
    assert [asked.body for asked in there.asked] == [
        {"claim": 3, "lease": 30},
        {"claim": 3, "receipt": "print:1"},
        {"claim": 3, "code": "no_display", "permanent": False, "detail": "dark"},
        {"claim": 3},
    ]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(401, "unauthenticated"), NotAllowed),
        (problem(403, "forbidden"), NotAllowed),
        (problem(404, "not-found"), NotFound),
        (problem(409, "lease-lost"), LeaseLost),
        (problem(422, "invalid"), InvalidInput),
        (problem(503, "unavailable"), Away),
        (problem(429, "too-many"), Away),
        (Answer(502, "a proxy"), Away),
        (Answer(404, {"detail": "another program"}), Away),
        (Answer(302, None, {"Location": "https://elsewhere.test/"}), Away),
        (Answer(200, ["x"]), Away),
        (Answer(200, {"claims": [{}]}), Away),
        (Answer(200, {"claims": 3}), Away),
        (Answer(200, {}), Away),
        (Answer(0), Away),
    ],
)
def test_how_it_refuses(service: Make, answer: Answer, error: type[ClarionError]) -> None:
    with stub(lambda _: answer) as there:
        one = service(there.url)
        with pytest.raises(error):
            one.claim(lease=30, wait=0)


def test_what_it_says_steers_no_terminal(service: Make) -> None:
    shown = pytest.raises(NotAllowed, match="the service refuses: \ufffd\\[31m\ufffd")
    with stub(lambda _: problem(403, "forbidden", "\x1b[31m\u202e")) as there, shown:
        service(there.url).claim(lease=30, wait=0)


@pytest.mark.parametrize(
    ("said", "after"), [("7", 7.0), ("99999", 300.0), ("-1", 0.0), ("soon", 0.0), ("²", 0.0)]
)
def test_how_long_it_asks_to_wait(service: Make, said: str, after: float) -> None:
    with stub(lambda _: problem(429, "too-many", Retry_After=said)) as there:
        one = service(there.url)
        with pytest.raises(Away) as caught:
            one.sent(toast(), "x")
        assert (caught.value.after, caught.value.busy) == (after, True)


def test_a_connection_that_was_closed_meanwhile_is_made_anew(service: Make) -> None:
    with stub(lambda _: Answer(ends=True)) as there:
        one = service(there.url)
        for _ in range(3):
            one.sent(toast(), "x")
        assert there.connections == 3
        assert len(there.asked) == 3


def test_nobody_there_is_away(service: Make) -> None:
    with stub(lambda _: Answer()) as there:
        pass
    with pytest.raises(Away, match="Connection"):
        service(there.url).sent(toast(), "x")


def test_an_answer_without_end_is_not_read(service: Make) -> None:
    refused = pytest.raises(Away, match="more than")
    with stub(lambda _: Answer(200, "x" * (LARGEST + 1))) as there, refused:
        service(there.url).sent(toast(), "x")


def test_a_key_that_is_refused_is_read_again(service: Make) -> None:
    """Whoever renews a token writes it into the file."""
    keys = ["old", "new", "new"]

    def answer(asked: Asked) -> Answer:
        return claims() if asked.headers["Authorization"] == "Bearer new" else problem(401, "unauthenticated")

    with stub(answer) as there:
        one = service(there.url, key=lambda: keys.pop(0))
        assert one.claim(lease=30, wait=0) is None
        there.answers = lambda _: problem(401, "unauthenticated")
        with pytest.raises(NotAllowed):
            one.claim(lease=30, wait=0)
        assert len(there.asked) == 3


@pytest.mark.parametrize(
    "url",
    [
        "clarion.acme.test",
        "ftp://acme.test",
        "http://acme.test",
        "http://127.0.0.1.acme.test",
        "https://bob:pw@acme.test",
        "https://acme.test/?a=1",
        "https://acme.test:x",
        "https://acme.test/a b",
        "https://[::1",
        "https://",
        "https://acme.test/ä",
    ],
)
def test_where_it_cannot_be(url: str) -> None:
    with pytest.raises(ConfigError):
        Place.of(url)


def test_where_it_can_be() -> None:
    assert Place.of("https://acme.test/x/") == Place(secure=True, host="acme.test", port=443, path="/x")
    assert Place.of("http://[::1]:8080") == Place(secure=False, host="::1", port=8080, path="")
    assert Place.of("http://localhost").port == 80


def test_a_channel_is_one_part_of_the_path(service: Make) -> None:
    with stub(lambda _: claims()) as there:
        one = service(there.url, channel="../a?b")
        assert one.claim(lease=30, wait=0) is None
    assert there.asked[0].path == "/v1/sinks/..%2Fa%3Fb/claims"
