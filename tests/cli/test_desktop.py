"""`clarion desktop` before a real service: what is shown, what fails, who is killed, and who is told to stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from clarion.web.tokens import sign
from tests.conftest import copy_sqlite
from tests.desktop.stub import Answer, Asked, stub
from tests.support.command import PATIENCE, clarion
from tests.support.desktops import SECRET, WORDS, Running, Shop, free_port
from tests.support.working import await_true

LITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NO_DESKTOP = {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": ""}


@pytest.fixture(scope="module")
def shop(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for all that does not depend on the database, for it takes long to begin."""
    folder = tmp_path_factory.mktemp("shop")
    copy_sqlite(migrated_sqlite, folder / "clarion.db")
    with closing(Shop(f"sqlite:///{folder / 'clarion.db'}", folder)) as made:
        made.serve()
        yield made


@pytest.fixture
def running(shop: Shop, tmp_path: Path) -> Iterator[Running]:
    with closing(Running(shop, tmp_path)) as made:
        yield made


@pytest.fixture
def own(database_url: str, tmp_path: Path) -> Iterator[Running]:
    """With a shop of its own, that is not served yet."""
    with closing(Shop(database_url, tmp_path)) as shop, closing(Running(shop, tmp_path)) as made:
        yield made


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    """What it printed, once it ended with 0."""
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return out


# ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_due_is_shown_and_settled_with_the_client_s_id(own: Running) -> None:
    running = own
    running.shop.serve()
    running.shop.app.recipients.upsert("carol", addresses={"desktop": "laptop"})
    client = running.show("--json")
    event = running.emit(to=[running.who, "carol"], url="https://acme.test/cl/1")
    running.come_to(event, ("sent", None))
    ((*options, title, body),) = running.screen.shown
    assert options[-1] == "--"
    assert title == "Looks <b>good</b>"
    assert body == "to me\ufffd\nhttps://acme.test/cl/1"
    delivery = running.delivery(event)
    (attempt,) = delivery.attempts
    assert re.fullmatch("notify-send:[0-9a-f-]{36}", attempt.receipt)
    (told,) = [one for one in running.shop.app.status(event) if one.recipient == running.who]
    assert "desktop" in told.sent_at
    (line,) = stop(client).splitlines()
    shown = json.loads(line)
    assert (shown["shown"], shown["receipt"]) == (True, attempt.receipt)
    assert (shown["delivery"]["id"], shown["delivery"]["data"]) == (str(delivery.id), WORDS)
    assert len(running.screen.begun) == 1, "carol's is not bob's"
    assert running.key.read_text().strip() not in running.log + line


@LITE
def test_it_waits_until_the_service_is_there_and_outlives_it(own: Running) -> None:
    running = own
    client = running.show()
    await_true(lambda: "the service is away, trying again" in running.log)
    service = running.shop.serve()
    first = running.emit()
    running.come_to(first, ("sent", None), within=3 * PATIENCE)
    service.kill()
    service.wait()
    await_true(lambda: running.log.count("the service is away, trying again") == 2)
    second = running.emit()
    running.shop.serve()
    running.come_to(second, ("sent", None), within=3 * PATIENCE)
    assert len(running.screen.shown) == 2
    await_true(lambda: running.log.count("the service is back") == 2)
    stop(client, signal.SIGINT)
    assert "Traceback" not in running.log


def test_a_failure_is_tried_again_and_one_for_good_is_not(running: Running) -> None:
    running.screen.mood("fail 1")
    client = running.show("--json")
    event = running.emit()
    await_true(lambda: running.attempts(event))
    running.screen.mood("show")
    await_true(lambda: ("sent", None) in running.attempts(event))
    *before, last = running.attempts(event)
    assert set(before) == {("retry", "no_display")}
    assert last == ("sent", None)
    delivery = running.delivery(event)
    assert "cannot connect to the \ufffd[31mbus" in (delivery.attempts[0].detail or "")

    running.screen.mood("fail 65")
    other = running.emit()
    running.come_to(other, ("failed", "refused"))
    assert running.delivery(other).state == "failed"
    *_, shown, refused = [json.loads(line) for line in stop(client).splitlines()]
    assert (shown["shown"], refused["shown"]) == (True, False)
    assert (refused["code"], refused["permanent"]) == ("refused", True)
    assert "\x1b" not in running.log


def test_what_hangs_is_ended_and_tried_again(running: Running) -> None:
    running.screen.mood("hang")
    client = running.show("--timeout", "1s")
    event = running.emit()
    await_true(lambda: running.attempts(event))
    assert running.attempts(event)[0] == ("retry", "timed_out")
    with pytest.raises(ProcessLookupError):
        os.kill(running.screen.processes[0], 0)
    running.screen.mood("show")
    await_true(lambda: ("sent", None) in running.attempts(event))
    stop(client)


def test_while_it_is_being_shown_its_lease_is_extended(running: Running) -> None:
    """For longer than a lease lasts; then it is settled by the claim with which it began."""
    running.screen.mood("wait")
    client = running.show("--lease", "5s")
    event = running.emit()
    await_true(lambda: running.log.count("its lease is extended") >= 4)
    running.screen.go()
    running.come_to(event, ("sent", None))
    assert len(running.screen.begun) == 1
    stop(client)


def test_what_a_killed_client_had_comes_again_as_the_same(running: Running) -> None:
    running.screen.mood("hang")
    killed = running.show("--lease", "5s")
    event = running.emit()
    await_true(lambda: running.screen.begun)
    killed.kill()
    killed.wait()
    running.screen.mood("show")
    client = running.show("--json")
    running.come_to(event, ("lost", "lease_lost"), ("sent", None))
    (line,) = stop(client).splitlines()
    delivery = running.delivery(event)
    assert json.loads(line)["delivery"]["id"] == str(delivery.id)


def test_a_word_that_nobody_heard_shows_nothing_twice(running: Running) -> None:
    """The first report is lost with its lease; the second arrives, but its answer does not."""
    heard: list[str] = []

    def between(asked: Asked) -> Answer:
        if asked.verb == "sent":
            heard.append(asked.body["receipt"])
            if len(heard) == 1:
                return Answer(409, {"type": "urn:clarion:problem:lease-lost", "detail": "over"})
        answer = passed_on(running, asked)
        return Answer(0) if asked.verb == "sent" and len(heard) == 2 else answer

    with stub(between) as there:
        client = running.show("--lease", "5s", "--url", there.url)
        event = running.emit()
        running.come_to(event, ("lost", "lease_lost"), ("sent", None))
        await_true(lambda: len(heard) == 3)
        stop(client)
    assert len(set(heard)) == 1
    assert len(running.screen.shown) == 1
    assert running.delivery(event).attempts[-1].receipt == heard[0]


def passed_on(running: Running, asked: Asked) -> Answer:
    headers = {name: asked.headers[name] for name in ("Authorization", "Clarion-Recipient")}
    with httpx2.Client(trust_env=False, timeout=PATIENCE) as http:
        answer = http.post(running.shop.url + asked.path, json=asked.body, headers=headers)
    return Answer(answer.status_code, answer.json() if answer.content else None)


# ── Being told to stop ───────────────────────────────────────────────────────────────────────────────────


def test_told_to_stop_it_ends_what_is_being_shown(running: Running) -> None:
    running.screen.mood("wait")
    client = running.show()
    event = running.emit()
    await_true(lambda: running.screen.begun)
    client.send_signal(signal.SIGTERM)
    running.screen.go()
    client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
    running.come_to(event, ("sent", None))


def test_told_again_it_gives_back_at_once(running: Running) -> None:
    running.screen.mood("hang")
    client = running.show()
    event = running.emit()
    await_true(lambda: running.screen.begun)
    client.send_signal(signal.SIGINT)
    client.send_signal(signal.SIGTERM)
    client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
    assert running.attempts(event) == [("given_back", None)]
    with pytest.raises(ProcessLookupError):
        os.kill(running.screen.processes[0], 0)
    assert running.delivery(event).state == "waiting"


# ── Once, and printed ────────────────────────────────────────────────────────────────────────────────────


def test_once_it_shows_what_is_due_and_ends(running: Running) -> None:
    due = [running.emit(data={"title": f"n{n}"}) for n in range(3)]
    once = ("desktop", "--recipient", running.who, "--once", "--show")
    printed = ""

    def all_shown() -> bool:
        nonlocal printed
        ended = clarion(*once, "print", env=running.env)
        printed += ended.out
        return ended.code == 0 and printed.count("──") == 3

    await_true(all_shown)
    assert sorted(re.findall("   (n[0-9])", printed)) == ["n0", "n1", "n2"]
    assert all(running.delivery(event).attempts[0].receipt.startswith("print:") for event in due)
    assert clarion(*once, "print", "--json", env=running.env).out == ""

    running.screen.mood("fail 1")
    event = running.emit()
    assert running.delivery(event).state == "waiting"
    failed = clarion(*once, "notify-send", "--json", env=running.env)
    assert failed.code == 1
    assert json.loads(failed.out.splitlines()[0])["code"] == "no_display"


def test_a_recipient_s_token_says_whose_it_is(running: Running) -> None:
    event = running.emit()
    assert running.delivery(event).state == "waiting"
    env = {"CLARION_KEY": sign(SECRET, running.who), "CLARION_URL": running.shop.url}
    shown = clarion("desktop", "--device", "laptop", "--show", "print", "--once", env=env)
    assert (shown.code, shown.out.count(running.who)) == (0, 1), shown.err
    assert running.attempts(event) == [("sent", None)]


def test_with_a_key_and_for_everybody_it_shows_all_of_the_tenant(running: Running) -> None:
    event = running.emit()
    assert running.delivery(event).state == "waiting"
    key = running.shop.key
    env = {"CLARION_KEY": key, "CLARION_URL": running.shop.url}
    shown = clarion("desktop", "--everybody", "--show", "auto", "--once", "--json", env={**NO_DESKTOP, **env})
    assert shown.code == 0, shown.err
    found = [json.loads(line)["delivery"]["recipient"] for line in shown.out.splitlines()]
    assert running.who in found
    assert running.attempts(event) == [("sent", None)]


def test_a_reader_that_goes_away_leaves_it_to_others(running: Running) -> None:
    """What cannot be printed is not shown: it is given back."""
    client = running.show("--json", on="print")
    assert client.stdout is not None
    client.stdout.close()
    event = running.emit()
    assert client.wait(PATIENCE) == 1
    assert running.attempts(event) == [("given_back", None)]
    assert "Traceback" not in running.log


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_service_s_refusals_end_it(running: Running) -> None:
    other = running.shop.app.keys.issue("x", ["inbox"]).secret
    for arguments, key, words in (
        ((), "clk_unknown", "this key is not known"),
        ((), other, "scope 'sinks'"),
        (("--channel", "email"), running.shop.key, "'email' is no channel to fetch from"),
    ):
        env = {"CLARION_URL": running.shop.url, "CLARION_KEY": key}
        refused = clarion("desktop", "--recipient", "bob", *arguments, env=env)
        assert refused.code == 1, refused.err
        assert words in refused.err
        assert refused.err.splitlines()[-1].startswith("clarion: the service refuses: ")


def test_once_nobody_waits_for_a_service_that_is_away() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    away = clarion("desktop", "--url", url, "--recipient", "bob", "--once", env={"CLARION_KEY": "clk_a"})
    assert away.code == 1
    assert "ConnectionRefusedError" in away.err
