"""What is counted is what happened, and a real worker process serves it."""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from clarion import Clarion, ConfigError, Conflict, Cooldown, Down, Policy, Reject, Retry, Throttle, clock
from clarion.message import Message
from clarion.recipient import Address
from clarion.store.database import Database
from clarion.store.schema import queue
from clarion.workers.exposition import Gauges, serving
from tests.support.command import start
from tests.support.working import (
    PATIENCE,
    Wire,
    await_true,
    count,
    crowd,
    done,
    emit,
    emit_many,
    people,
    until,
    working,
)
from tests.workers.conftest import Make

pytestmark = pytest.mark.anyio

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(said: Samples, name: str, **labels: str) -> float:
    return said.get((f"clarion_{name}", frozenset(labels.items())), 0.0)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"clarion_{name}", labels) or 0.0


@contextmanager
def counting(**names: tuple[str, Mapping[str, str]]) -> Iterator[Callable[[], dict[str, float]]]:
    """By how much each of these, (name, labels), has grown since."""
    before = {key: counted(name, **labels) for key, (name, labels) in names.items()}
    yield lambda: {key: counted(name, **labels) - before[key] for key, (name, labels) in names.items()}


async def test_attempts_ends_and_lateness_by_channel(make: Make) -> None:
    async def does(message: Message, address: Address) -> None:
        if address.value.startswith("reject"):
            raise Reject("smtp_554", "no")
        if address.value.startswith("later") and message.attempt < 3:
            raise Retry("made up by a channel")

    def attempts(result: str, code: str = "") -> tuple[str, Mapping[str, str]]:
        return "attempts_total", {"channel": "wire", "result": result, "code": code}

    clarion = make(Wire(does))
    with counting(
        sent=("deliveries_total", {"channel": "wire", "result": "sent"}),
        failed=("deliveries_total", {"channel": "wire", "result": "failed"}),
        of_sent=attempts("sent"),
        of_failed=attempts("failed", "smtp_5xx"),
        of_retries=attempts("retry", "other"),
        late=("delivery_seconds_count", {"channel": "wire"}),
    ) as grown:
        people(clarion, "fine", "later", "reject")
        emit(clarion, "note", to=["fine", "later", "reject"])
        async with working(clarion):
            await until(lambda: done(clarion))
        assert grown() == {"sent": 2, "failed": 1, "of_sent": 2, "of_failed": 1, "of_retries": 2, "late": 2}


async def test_lateness_counts_from_when_it_was_due(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    emit(clarion, "note", to=people(clarion, "bob"))
    async with working(make()):  # decides, and has nothing to send with
        await until(lambda: count(clarion, queue) == 1)
    long_ago = clock.now() - timedelta(seconds=1000)
    clarion.database.run(lambda conn: conn.execute(sa.update(queue).values(due_at=long_ago)))
    with counting(
        seconds=("delivery_seconds_sum", {"channel": "wire"}),
        sooner=("delivery_seconds_bucket", {"channel": "wire", "le": "900.0"}),
        later=("delivery_seconds_bucket", {"channel": "wire", "le": "3600.0"}),
    ) as grown:
        async with working(clarion):
            await until(lambda: done(clarion))
        found = grown()
    assert (found["sooner"], found["later"]) == (0, 1)
    assert 1000 <= found["seconds"] < 1000 + 10 * PATIENCE


async def test_decisions_by_gate_and_channel(make: Make, wire: Wire) -> None:
    def decisions(channel: str, gate: str, verdict: str) -> tuple[str, Mapping[str, str]]:
        return "decisions_total", {"channel": channel, "gate": gate, "verdict": verdict}

    clarion = make(wire)
    crowd(clarion, 30)
    people(clarion, "muted")
    clarion.recipients.upsert("former", active=False, addresses={"wire": "former@a.test"})
    clarion.recipients.upsert("nowhere")
    clarion.recipients.prefer("muted", "*", channel="wire", enabled=False)
    told = [f"p{n:05}" for n in range(30)]
    with counting(
        now=decisions("wire", "none", "now"),
        consent=decisions("wire", "consent", "suppress"),
        active=decisions("wire", "active", "suppress"),
        reachable=decisions("wire", "reachable", "suppress"),
        inbox=decisions("inbox", "none", "now"),
        inactive=decisions("inbox", "active", "suppress"),
    ) as grown:
        emit(clarion, "note", to=[*told, "muted", "former", "nowhere"])
        async with working(clarion):
            await until(lambda: done(clarion))
        assert grown() == {
            "now": 30,
            "consent": 1,
            "active": 1,
            "reachable": 1,
            "inbox": 32,
            "inactive": 1,
        }


async def test_what_is_held_says_by_which_gate(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    clarion.type("cooled", channels=["wire"], policy=Policy(cooldown=Cooldown(minutes=60, key="type")))
    clarion.type(
        "throttled", channels=["wire"], policy=Policy(throttle=Throttle(limit=1, hours=1, overflow="hold"))
    )
    people(clarion, "bob")
    with counting(
        cooled=("decisions_total", {"channel": "wire", "gate": "cooldown", "verdict": "suppress"}),
        held=("decisions_total", {"channel": "wire", "gate": "throttle", "verdict": "hold"}),
    ) as grown:
        emit_many(clarion, [(type, {"to": ["bob"]}) for type in ("cooled", "throttled") for _ in range(3)])
        async with working(clarion):
            await until(lambda: grown()["held"] == 2)
            await until(lambda: grown()["cooled"] == 2)


def test_events_are_counted_once_by_type(make: Make) -> None:
    clarion = make()
    clarion.start()
    with counting(notes=("events_emitted_total", {"type": "note"})) as grown:
        emit(clarion, "note", to=["bob"], key="k")
        emit(clarion, "note", to=["bob"], key="k")
        assert grown() == {"notes": 1}, "the second was the same event"
        again: tuple[str, Any] = ("note", {"to": ["bob"], "key": "k"})
        emit_many(clarion, [("note", {"to": ["bob"]}), ("note", {"to": ["eve"]}), again])
        assert grown() == {"notes": 3}
        with pytest.raises(Conflict):
            emit(clarion, "note", to=["eve"], key="k")
        assert grown() == {"notes": 3}


async def test_no_label_is_a_recipient_a_tenant_an_address_or_an_error(make: Make) -> None:
    async def fails(_message: Message, address: Address) -> None:
        raise Reject(f"refused-{address.value}", f"secret-{address.value}")

    clarion = make(Wire(fails))
    clarion.recipients.upsert("zacharias", tenant="tenantzz", addresses={"wire": "zz@a.test"})
    emit(clarion, "note", tenant="tenantzz", to=["zacharias"], thread="threadzz", key="keyzz")
    async with working(clarion):
        await until(lambda: done(clarion))
    labels = {
        (name, said)
        for family in REGISTRY.collect()
        if family.name.startswith("clarion_")
        for sample in family.samples
        for name, said in sample.labels.items()
    }
    assert {name for name, _ in labels} <= {
        "type",
        "channel",
        "gate",
        "verdict",
        "result",
        "code",
        "hook",
        "le",
        "by",
    }
    assert not [said for _, said in labels if "zz" in said or "zacharias" in said or "refused" in said]


async def test_pauses_begun_and_standing(make: Make) -> None:
    up = False

    async def down(_message: Message, _address: Address) -> None:
        if not up:
            raise Down("connect", "refused")

    clarion = make(Wire(down))
    people(clarion, "bob")
    gauges = Gauges(clarion.database, clarion.channels)
    with counting(
        begun=("pauses_begun_total", {"channel": "wire"}),
        downs=("attempts_total", {"channel": "wire", "result": "down", "code": "connect"}),
    ) as grown:
        emit(clarion, "note", to=["bob"])
        async with working(clarion):
            await until(lambda: pausing(gauges, "itself") == 1)
            await until(lambda: grown()["begun"] == 1)
            up = True
            await until(lambda: done(clarion))
            await until(lambda: pausing(gauges, "itself") == 0)
        assert grown()["begun"] == 1, "a probe in vain begins nothing"
        assert grown()["downs"] >= 1
    clarion.pause("wire", until=clock.now() + timedelta(hours=1), by="alice")
    await until(lambda: pausing(gauges, "operator") == 1)
    assert pausing(gauges, "itself") == 0


def pausing(gauges: Gauges, by: str) -> float:
    return gauge(gauges, "pauses", channel="wire", by=by)


def gauge(gauges: Gauges, name: str, **labels: str) -> float:
    (family,) = [family for family in gauges.collect() if family.name == f"clarion_{name}"]
    (found,) = [sample.value for sample in family.samples if sample.labels == labels]
    return float(found)


async def test_the_backlog_and_its_age(make: Make, wire: Wire) -> None:
    clarion = make(wire)
    gauges = Gauges(clarion.database, clarion.channels)
    clarion.start()
    assert gauge(gauges, "deliveries_due", channel="wire") == 0, "said although nothing waits"
    assert gauge(gauges, "oldest_due_seconds", channel="wire") == 0
    emit(clarion, "note", to=crowd(clarion, 5))
    emit(clarion, "note", to=["p00000"], at=clock.now() + timedelta(hours=3))
    await until(lambda: gauge(gauges, "events_waiting") == 2)
    assert gauge(gauges, "events_due") == 1
    async with working(make()):  # decides, and has nothing to send with
        await until(lambda: count(clarion, queue) == 5)
    late = clock.now() - timedelta(seconds=500)
    soon = clock.now() + timedelta(hours=1)
    (first, *_) = clarion.database.read(
        lambda conn: conn.execute(sa.select(queue.c.delivery_id)).scalars().all()
    )
    clarion.database.run(lambda conn: conn.execute(sa.update(queue).values(due_at=late)))
    clarion.database.run(
        lambda conn: conn.execute(sa.update(queue).where(queue.c.delivery_id == first).values(due_at=soon))
    )
    await until(lambda: gauge(gauges, "deliveries_due", channel="wire") == 4)
    assert gauge(gauges, "deliveries_waiting", channel="wire") == 5
    assert 500 <= gauge(gauges, "oldest_due_seconds", channel="wire") < 500 + 10 * PATIENCE


def test_a_database_that_does_not_answer_is_said(
    make: Make, caplog: pytest.LogCaptureFixture, empty_database_url: str
) -> None:
    database = Database(empty_database_url)  # without tables
    with caplog.at_level(logging.WARNING):
        found = {family.name: family.samples for family in Gauges(database, ["wire"]).collect()}
    assert [sample.value for sample in found.pop("clarion_database_up")] == [0]
    assert not any(found.values()), "nothing is said that is not known"
    assert "what waits could not be read for metrics" in caplog.text
    database.close()


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1:", ":9464", "127.0.0.1:70000", "a:-1"])
def test_an_address_that_cannot_be(make: Make, address: str) -> None:
    with pytest.raises(ConfigError, match="say host:port"), serving(address, make().database, []):
        pass


def test_a_port_that_is_taken(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    clarion = make()
    with caplog.at_level(logging.INFO), serving("127.0.0.1:0", clarion.database, []):
        (port,) = re.findall(r"metrics on http://127.0.0.1:(\d+)/metrics", caplog.text)
        with pytest.raises(ConfigError, match="cannot be served"), serving(port, clarion.database, []):
            pass
    with serving(port, clarion.database, []):
        assert b"clarion_database_up 1.0" in _get(f"http://127.0.0.1:{port}/metrics")


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
        return body


# ── A process ────────────────────────────────────────────────────────────────────────────────────────────

SHOP = """
import os
from clarion import Clarion, Reject, Retries, Policy

class Wire:
    name = "wire"

    async def send(self, message, address):
        if address.value.startswith("reject"):
            raise Reject("smtp_554")

clarion = Clarion(os.environ["SHOP_DATABASE"], channels=[Wire()])
clarion.type("note", channels=["inbox", "wire"])

@clarion.type("asked", channels=["inbox"], policy=Policy(retries=Retries(())))
def asked(event, app):
    raise ValueError("no audience")
"""


def test_a_worker_process_serves_them_and_logs_json(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    clarion = Clarion(database_url, channels=[Wire()])
    clarion.type("note", channels=["inbox", "wire"])
    clarion.type("asked", channels=["inbox"])
    clarion.recipients.upsert("bob", addresses={"wire": "bob@a.test"})
    clarion.recipients.upsert("reject", addresses={"wire": "reject@a.test"})
    command = ("work", "--app", "shop:clarion", "--metrics", "127.0.0.1:0", "--log", "json")
    log = tmp_path / "log.jsonl"
    with log.open("w") as kept:
        worker = start(*command, cwd=tmp_path, env={"SHOP_DATABASE": database_url}, err=kept)
    try:
        url = await_true(
            lambda: re.findall(r"metrics on (http://127\.0\.0\.1:\d+/metrics)", log.read_text())
        )[0]
        emit(clarion, "note", to=["bob", "reject", "nobody"])
        asked = emit(clarion, "asked", correlation_id="request-7")
        said = await_true(lambda: all_counted(url))
        assert ("process_cpu_seconds_total", frozenset()) in said, "the process is measured as well"
        await_true(lambda: "nobody else is told" in log.read_text())
        worker.terminate()
        assert worker.wait(timeout=PATIENCE) == 0
    finally:
        worker.kill()
        worker.communicate()
    records = [json_of(line) for line in log.read_text().splitlines()]
    said_of_it = [record for record in records if "no audience" in record["message"]]
    assert [record["level"] for record in said_of_it] == ["warning", "error"], "it failed, and is given up"
    assert {(record["event"], record["correlation_id"]) for record in said_of_it} == {
        (str(asked), "request-7")
    }
    assert records[-1]["message"] == "stopped"
    clarion.close()


EXPECTED: list[tuple[str, dict[str, str], float]] = [
    ("deliveries_total", {"channel": "wire", "result": "sent"}, 1),
    ("deliveries_total", {"channel": "wire", "result": "failed"}, 1),
    ("attempts_total", {"channel": "wire", "result": "failed", "code": "smtp_5xx"}, 1),
    ("decisions_total", {"channel": "inbox", "gate": "none", "verdict": "now"}, 2),
    ("decisions_total", {"channel": "wire", "gate": "active", "verdict": "suppress"}, 1),
    ("delivery_seconds_count", {"channel": "wire"}, 1),
    ("deliveries_waiting", {"channel": "wire"}, 0),
    ("database_up", {}, 1),
]


def all_counted(url: str) -> Samples | None:
    """One scrape, once it has all that is expected."""
    said = samples(_get(url).decode())
    return said if all(value(said, name, **labels) == number for name, labels, number in EXPECTED) else None


def json_of(line: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(line)
    return found


def test_a_port_that_cannot_be_had_is_an_error_in_words(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    worker = start(
        "work",
        "--app",
        "shop:clarion",
        "--metrics",
        "nonsense",
        cwd=tmp_path,
        env={"SHOP_DATABASE": database_url},
    )
    _, err = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 2
    assert (
        "clarion: --metrics 'nonsense': metrics: say host:port, such as 127.0.0.1:9464, not 'nonsense'" in err
    )
    assert "Traceback" not in err
