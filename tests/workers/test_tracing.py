"""One trace from emit to settle, across processes; and what spans say, and do not say."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from clarion import Clarion, Conflict, Event, Policy, Reject, Retry, telemetry, tracing
from clarion.message import Message
from clarion.recipient import Address
from clarion.store import migrate
from clarion.store.schema import events, outbox
from tests.support import spans
from tests.support.acme import Plan, application
from tests.support.children import Children, stop
from tests.support.spans import Said, parent_of, trace_of, traces_linked
from tests.support.working import Wire, await_true, done, emit, emit_many, people, until, working
from tests.workers.conftest import SOON, Make

pytestmark = pytest.mark.anyio

Taken = Callable[[], list[Said]]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Taken]:
    """The spans of this process. The API sets a provider once and for all, so this one is put there from below."""
    lines: list[str] = []
    provider = spans.provider(lines.append)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(tracing, "ON", False)
    yield lambda: [json.loads(line) for line in lines]
    provider.shutdown()


def named(found: list[Said], name: str) -> list[Said]:
    return [span for span in found if span["name"] == name]


# ── Across processes ─────────────────────────────────────────────────────────────────────────────────────


def test_one_trace_from_emit_to_settle_across_processes(
    database_url: str, tmp_path: Path, started: Children, taken: Taken
) -> None:
    there = tmp_path / "spans"
    plan = Plan(
        database=database_url, wire=str(tmp_path / "wire"), smtp="smtp://127.0.0.1:1", spans=str(there)
    )
    clarion = application(plan)
    clarion.start()
    people(clarion, "bob")
    people(clarion, "eve", channel="email")
    with trace.get_tracer("shop").start_as_current_span("request") as request:
        for type in ("wired", "mailed", "slowly"):
            to = {"wired": ["bob"], "mailed": ["eve"], "slowly": ["bob"]}[type]
            emit(clarion, type, to=to)
    wanted = ["fan-out wired", "send wire", "settle wire", "fan-out mailed", "send email", "settle email"]
    process = started.start(plan)
    wanted += ["resolve slowly", "fan-out slowly"]
    await_true(lambda: {span["name"] for span in spans.taken(there)} >= set(wanted))
    stop(process)
    clarion.close()

    here, found = taken(), spans.taken(there)
    one = f"0x{trace.format_trace_id(request.get_span_context().trace_id)}"
    assert [(s["name"], s["kind"], parent_of(s, here)) for s in named(here, "emit wired")] == [
        ("emit wired", "SpanKind.PRODUCER", "request")
    ]
    for name in wanted:
        for span in named(found, name):
            if name.startswith("settle"):
                assert traces_linked(span) == {one}
                assert span["parent_id"] is None
            else:
                assert trace_of(span) == one
                assert parent_of(span, here) == f"emit {span['attributes']['clarion.event.type']}"
    (sent,) = named(found, "send wire")
    assert sent["kind"] == "SpanKind.CLIENT"
    assert sent["status"] == {"status_code": "UNSET"}
    assert sent["attributes"]["clarion.result"] == "sent"
    down = named(found, "send email")[0]
    assert down["status"] == {"status_code": "ERROR", "description": "connect"}
    assert (down["attributes"]["error.type"], down["attributes"]["clarion.result"]) == ("connect", "down")
    assert [event["attributes"]["exception.type"] for event in down["events"]] == ["clarion.errors.Down"]


def test_a_trace_that_is_not_sampled_is_not_taken_up_by_the_worker(
    database_url: str, tmp_path: Path, started: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.TracerProvider(sampler=ALWAYS_OFF))
    monkeypatch.setattr(tracing, "ON", False)
    plan = Plan(
        database=database_url, wire=str(tmp_path / "wire"), spans=str(there := tmp_path / "spans")
    )  # fmt: skip
    clarion = application(plan)
    clarion.start()
    emit(clarion, "wired", to=people(clarion, "bob"))
    process = started.start(plan)
    await_true(lambda: done(clarion))
    stop(process)
    clarion.close()
    assert {span["name"] for span in spans.taken(there)} <= {"settle wire"}


# ── What spans say ───────────────────────────────────────────────────────────────────────────────────────


async def test_attributes_follow_the_conventions_and_name_nobody(make: Make, taken: Taken) -> None:
    async def does(message: Message, address: Address) -> None:
        if message.attempt == 1:
            raise Retry(f"no {address.value}", f"try {address.value} later")
        if address.value.startswith("zacharias"):
            raise Reject("smtp_554", f"{address.value} unknown") from OSError(address.value)

    clarion = make(Wire(does))
    id = emit(
        clarion,
        "note",
        to=people(clarion, "bob", "zacharias"),
        data={"text": "secret"},
        correlation_id="request-7",
    )
    async with working(clarion):
        await until(lambda: done(clarion))
        await until(lambda: sum(s["attributes"]["messaging.batch.message_count"] for s in named(taken(), "settle wire")) == 4)  # fmt: skip
    found = taken()
    (emitted,), (decided,) = named(found, "emit note"), named(found, "fan-out note")
    about = {
        "messaging.system": "clarion",
        "messaging.destination.name": "note",
        "messaging.message.id": str(id),
        "messaging.message.conversation_id": "request-7",
        "clarion.event.id": str(id),
        "clarion.event.type": "note",
    }
    assert emitted["attributes"] == about | {
        "messaging.operation.name": "emit",
        "messaging.operation.type": "send",
    }
    assert decided["attributes"] == about | {
        "messaging.operation.name": "fan-out",
        "messaging.operation.type": "process",
        "clarion.recipients": 2,
    }
    assert traces_linked(decided) == {trace_of(emitted)}
    sends = named(found, "send wire")
    assert sorted(
        (s["attributes"]["clarion.attempt"], s["attributes"]["clarion.result"], s["attributes"].get("error.type"))
        for s in sends
    ) == [(1, "retry", "other"), (1, "retry", "other"), (2, "failed", "smtp_5xx"), (2, "sent", None)]  # fmt: skip
    for span in sends:
        said = span["attributes"]
        assert said["messaging.message.id"] == said["clarion.delivery.id"] != str(id)
        assert (said["clarion.channel"], said["messaging.destination.name"]) == ("wire", "wire")
        assert said["clarion.event.id"] == str(id)
    text = json.dumps(found)
    assert not [word for word in ("a.test", "zacharias", "bob", "secret") if word in text]


async def test_what_the_application_does_meanwhile_is_part_of_it(make: Make, taken: Taken) -> None:
    shop = trace.get_tracer("shop")

    async def does(_message: Message, _address: Address) -> None:
        with shop.start_as_current_span("request to the provider"):
            pass

    clarion = make(Wire(does))

    @clarion.type("asked", channels=["wire"], policy=Policy(retries=SOON), access=lambda _e, ids, _a: ids)
    def audience(_event: Event, _app: object) -> Iterator[tuple[str, list[str]]]:
        with shop.start_as_current_span("query"):
            if not found:
                found.append(1)
                raise ValueError("not yet: bob@a.test")
        yield "direct", ["bob"]

    found: list[int] = []
    people(clarion, "bob")
    emit(clarion, "asked")
    async with working(clarion):
        await until(lambda: done(clarion))
    all_ = taken()
    assert [parent_of(s, all_) for s in named(all_, "query")] == ["resolve asked"] * 2
    assert [parent_of(s, all_) for s in named(all_, "request to the provider")] == ["send wire"]
    assert {parent_of(s, all_) for s in [*named(all_, "resolve asked"), *named(all_, "access asked")]} == {
        "emit asked"
    }
    assert len(named(all_, "access asked")) == 2, "at fan-out, and before sending"
    failed = [s for s in named(all_, "resolve asked") if s["status"]["status_code"] == "ERROR"]
    assert [s["attributes"]["error.type"] for s in failed] == ["ValueError"]
    (error,) = failed[0]["events"]
    assert "in audience" in error["attributes"]["exception.stacktrace"]
    assert "exception.message" not in error["attributes"]


async def test_events_decided_on_together_have_a_span_each(make: Make, wire: Wire, taken: Taken) -> None:
    clarion = make(wire)
    people(clarion, "bob")
    with trace.get_tracer("shop").start_as_current_span("one"):
        emit(clarion, "note", to=["bob"])
    with trace.get_tracer("shop").start_as_current_span("other"):
        emit_many(clarion, [("note", {"to": ["bob"]})] * 3)
    async with working(clarion):
        await until(lambda: done(clarion))
    found = taken()
    batch = next(s for s in named(found, "emit note") if parent_of(s, found) == "other")
    assert batch["attributes"]["messaging.batch.message_count"] == 3
    assert "clarion.event.id" not in batch["attributes"]
    of = {trace_of(s) for s in named(found, "emit note")}
    assert len(of) == 2
    for name in ("fan-out note", "send wire"):
        assert sorted([trace_of(s) for s in named(found, name)].count(one) for one in of) == [1, 3]


def test_an_emit_that_conflicts_has_failed_and_one_that_was_there_says_which(
    make: Make, taken: Taken
) -> None:
    clarion = make()
    first = emit(clarion, "note", to=["bob"], key="k")
    emit(clarion, "note", to=["bob"], key="k")
    with pytest.raises(Conflict):
        emit(clarion, "note", to=["eve"], key="k")
    found = named(taken(), "emit note")
    assert [s["attributes"]["clarion.event.id"] for s in found[:2]] == [str(first)] * 2
    assert [s["status"]["status_code"] for s in found] == ["UNSET", "UNSET", "ERROR"]
    assert found[2]["attributes"]["error.type"] == "clarion.errors.Conflict"


async def test_what_was_emitted_without_spans_has_traces_of_its_own(
    make: Make, wire: Wire, monkeypatch: pytest.MonkeyPatch, taken: Taken
) -> None:
    clarion = make(wire)
    with monkeypatch.context() as without:
        without.setattr(tracing, "INSTALLED", False)
        emit(clarion, "note", to=people(clarion, "bob"))
    async with working(clarion):
        await until(lambda: done(clarion))
    assert (
        clarion.database.read(lambda conn: conn.execute(sa.select(events.c.trace_context)).scalar_one())
        is None
    )
    found = taken()
    assert {s["parent_id"] for s in found} == {None}
    assert {s["name"] for s in found} >= {"fan-out note", "send wire"}


def test_the_outbox_keeps_where_it_was_emitted(empty_database_url: str, tmp_path: Path, taken: Taken) -> None:
    migrate.create_outbox(empty_database_url)
    clarion = Clarion(f"sqlite:///{tmp_path}/own.db")
    clarion.type("note", channels=["inbox"])
    engine = Clarion(empty_database_url).database.engine
    with engine.begin() as conn:
        clarion.emit(conn, "note", to=["bob"], outbox=True)
        kept = conn.execute(sa.select(outbox.c.trace_context)).scalar_one()
    engine.dispose()
    clarion.close()
    (emitted,) = taken()
    assert (
        kept["traceparent"] == f"00-{trace_of(emitted)[2:]}-{emitted['context']['span_id'][2:]}-03"
    )  # sampled, at random


async def test_lines_of_the_log_name_the_trace(make: Make, taken: Taken) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(telemetry.JsonFormatter())
    log = logging.getLogger("shop")

    async def does(_message: Message, _address: Address) -> None:
        log.warning("sending")

    clarion = make(Wire(does))
    log.addHandler(handler)
    try:
        emit(clarion, "note", to=people(clarion, "bob"))
        async with working(clarion):
            await until(lambda: done(clarion))
    finally:
        log.removeHandler(handler)
    said = json.loads(lines.getvalue())
    (sent,) = named(taken(), "send wire")
    assert (f"0x{said['trace_id']}", f"0x{said['span_id']}") == (trace_of(sent), sent["context"]["span_id"])


# ── Without ──────────────────────────────────────────────────────────────────────────────────────────────

WITHOUT = """
import asyncio, sys
{blocked}
from clarion import Clarion, tracing
class Wire:
    name = "wire"
    async def send(self, message, address): print("sent", message.event.trace_context)
clarion = Clarion("sqlite:///nothing.db", channels=[Wire()])
clarion.migrate()
@clarion.type("note", channels=["wire"])
def audience(event, app):
    yield "direct", ["bob"]
clarion.start()
clarion.recipients.upsert("bob", addresses={{"wire": "b"}})
clarion.database.run(lambda conn: clarion.emit(conn, "note"))
from clarion.workers import draining
asyncio.run(draining.drain(clarion._wiring(), rounds=100))
print(tracing.INSTALLED, tracing.ON, tracing.here())
"""


@pytest.mark.parametrize(
    ("blocked", "installed"),
    [("sys.modules['opentelemetry'] = None", False), ("", True)],
    ids=["without the API", "without a provider"],
)
def test_without_spans_all_works(blocked: str, installed: bool, tmp_path: Path) -> None:
    code = WITHOUT.format(blocked=blocked)
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
    assert ran.stdout.splitlines() == ["sent None", f"{installed} False {{}}"]
