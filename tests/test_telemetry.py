"""Labels are few, and log records say what they are about."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from clarion import telemetry
from clarion.event import make


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (None, ""),
        ("", ""),
        ("connect", "connect"),
        ("unknown_outcome", "unknown_outcome"),
        ("smtp_550", "smtp_5xx"),
        ("smtp_421", "smtp_4xx"),
        ("http_429", "http_4xx"),
        ("http_9999", "other"),
        ("smtp_550 bob@acme.test", "other"),
        ("smtp_٥٥٠", "other"),
        ("bob@acme.test", "other"),
        ("x" * 5000, "other"),
    ],
)
def test_codes_become_labels_from_a_small_set(code: str | None, label: str) -> None:
    assert telemetry.code_of(code) == label


def test_the_codes_that_the_channels_raise_are_well_known() -> None:
    """A new one is to be added to the set, or it is counted as `other`."""
    import re

    root = Path(telemetry.__file__).parent
    raised = {
        found
        for path in [*(root / "channels").rglob("*.py"), root / "workers" / "attempting.py"]
        for found in re.findall(r'\b(?:Retry|Reject|Gone|Down)\("(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert {"connect", "auth", "render", "invalid_address"} <= raised
    assert raised <= telemetry.CODES


def test_a_negative_wait_is_none() -> None:
    """Clocks differ; a histogram takes no less than nothing."""
    before = REGISTRY.get_sample_value("clarion_delivery_seconds_sum", {"channel": "early"}) or 0.0
    telemetry.sent_after("early", [timedelta(seconds=-5)])
    assert REGISTRY.get_sample_value("clarion_delivery_seconds_sum", {"channel": "early"}) == before
    assert REGISTRY.get_sample_value("clarion_delivery_seconds_count", {"channel": "early"})


def test_without_the_library_all_works_and_nothing_is_counted() -> None:
    code = """
import sys
from datetime import timedelta
sys.modules["prometheus_client"] = None
from clarion import Clarion, ConfigError, telemetry
clarion = Clarion("sqlite:///nothing.db")
telemetry.emitted({"a": 1}); telemetry.decided({("email", "none", "now"): 1}); telemetry.ended({("email", "sent"): 1})
telemetry.attempted({("email", "sent", None): 1}); telemetry.sent_after("email", [timedelta(1)])
telemetry.leases_lost("email", 1); telemetry.paused("email"); telemetry.hooked("on_sent", "ok")
try:
    clarion.work(metrics="127.0.0.1:0")
except ConfigError as error:
    print(telemetry.COUNTING, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False to serve metrics, install clarion[metrics]\n"


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.LogRecord("clarion.x", logging.WARNING, __file__, 1, "%s is\ndown", ("email",), None)


def test_a_record_as_json_is_one_line(record: logging.LogRecord) -> None:
    line = telemetry.JsonFormatter().format(record)
    assert "\n" not in line
    said = json.loads(line)
    at = datetime.fromisoformat(said.pop("time"))
    assert abs(at - datetime.fromtimestamp(record.created, UTC)) < timedelta(milliseconds=2)
    assert said == {"level": "warning", "logger": "clarion.x", "message": "email is\ndown"}


def test_a_record_says_what_it_is_about(record: logging.LogRecord) -> None:
    event = make("note", {"to": ["bob"], "correlation_id": "request-7"})
    delivery = uuid4()
    about = telemetry.about(event, delivery=delivery, channel="email")
    assert set(about) == {"event", "correlation_id", "delivery", "channel"}
    record.__dict__.update(about)
    said = json.loads(telemetry.JsonFormatter().format(record))
    assert (said["event"], said["correlation_id"]) == (str(event.id), "request-7")
    assert (said["delivery"], said["channel"]) == (str(delivery), "email")
    assert telemetry.about(channel="email") == {"channel": "email"}


def test_an_error_comes_with_its_trace_in_the_same_line(record: logging.LogRecord) -> None:
    try:
        int("what?")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = telemetry.JsonFormatter().format(record)
    assert "\n" not in line
    error = json.loads(line)["error"]
    assert error.startswith("Traceback")
    assert error.endswith("ValueError: invalid literal for int() with base 10: 'what?'\n")


def test_meanwhile_what_the_application_logs_is_about_it(record: logging.LogRecord) -> None:
    event = make("note", {"correlation_id": "request-7"})
    formatter = telemetry.JsonFormatter()
    with telemetry.Meanwhile(lambda: telemetry.about(event, channel="email")):
        said = json.loads(formatter.format(record))
        record.event = "of its own"
        assert json.loads(formatter.format(record))["event"] == "of its own"
        del record.event
        with telemetry.Meanwhile(lambda: telemetry.about(channel="wire")):
            assert json.loads(formatter.format(record))["channel"] == "wire"
        assert json.loads(formatter.format(record)) == said
    assert (said["event"], said["correlation_id"], said["channel"]) == (str(event.id), "request-7", "email")
    assert not set(json.loads(formatter.format(record))) & set(telemetry.ABOUT)


def test_a_filter_gives_it_to_other_formatters(record: logging.LogRecord) -> None:
    event = make("note", {"correlation_id": "request-7"})
    formatter = logging.Formatter("%(correlation_id)s %(event)s %(name)s")
    with telemetry.Meanwhile(lambda: telemetry.about(event)):
        assert telemetry.AboutFilter().filter(record)
    assert formatter.format(record) == f"request-7 {event.id} clarion.x"


def test_a_line_about_nothing_can_be_formatted_alike(record: logging.LogRecord) -> None:
    telemetry.AboutFilter(default=None).filter(record)
    assert not hasattr(record, "event")
    telemetry.AboutFilter().filter(record)
    assert logging.Formatter("%(correlation_id)s %(event)s").format(record) == "- -"


def test_an_event_says_the_trace_in_which_it_was_emitted() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    event = replace(make("note", {}), trace_context={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert telemetry.about(event)["trace_id"] == trace
