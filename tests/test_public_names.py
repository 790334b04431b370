"""What users may import from `clarion`. To add a name is a decision; to remove one breaks them."""

from __future__ import annotations

import subprocess
import sys

import clarion
from clarion import testing

PUBLIC = [
    "Active",
    "Address",
    "Cap",
    "Channel",
    "Clarion",
    "ClarionError",
    "ConfigError",
    "Conflict",
    "Console",
    "Content",
    "Cooldown",
    "Down",
    "Email",
    "Ending",
    "Escalation",
    "Event",
    "EventFields",
    "EventType",
    "Everyone",
    "Gone",
    "HostTransaction",
    "InvalidInput",
    "LeaseLost",
    "Limits",
    "Message",
    "NotFound",
    "NotMigrated",
    "Policy",
    "Pull",
    "Recipient",
    "Reject",
    "Retries",
    "Retry",
    "Role",
    "SendError",
    "Severity",
    "Throttle",
    "UnknownName",
]


TESTING = ["Recorder", "StillDue", "Testing", "Told"]


def test_the_public_names_are_these() -> None:
    assert list(getattr(clarion, "__all__", [])) == PUBLIC


def test_every_public_name_is_there_and_says_what_it_is_for() -> None:
    for name in PUBLIC:
        assert getattr(getattr(clarion, name), "__doc__", None), f"{name} has no docstring"


def test_the_public_names_for_tests_are_these() -> None:
    assert testing.__all__ == TESTING
    for name in TESTING:
        assert getattr(testing, name).__doc__, f"{name} has no docstring"


def test_importing_clarion_imports_no_optional_or_slow_library() -> None:
    """An embedding application pays for every import."""
    code = "import clarion, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {
        "aiosmtplib",
        "alembic",
        "asyncpg",
        "cryptography",
        "django",
        "fastapi",
        "jinja2",
        "jwt",
        "opentelemetry",
        "prometheus_client",
        "psycopg",
        "pydantic",
        "rich",
        "starlette",
        "typer",
        "uvicorn",
    }
    assert not slow & set(done.stdout.split())
