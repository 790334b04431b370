"""Clarion: the notification system for Python applications.

The public names. Each is loaded when it is first used, so that importing `clarion` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clarion.app import Clarion
    from clarion.cap import Cap
    from clarion.channels import Channel
    from clarion.channels.console import Console
    from clarion.channels.email import Email
    from clarion.channels.pull import Pull
    from clarion.ending import Ending
    from clarion.errors import (
        ClarionError,
        ConfigError,
        Conflict,
        Down,
        Gone,
        HostTransaction,
        InvalidInput,
        LeaseLost,
        NotFound,
        NotMigrated,
        Reject,
        Retry,
        SendError,
        UnknownName,
    )
    from clarion.event import Event, EventFields
    from clarion.event_type import EventType
    from clarion.group import Active, Everyone, Role
    from clarion.message import Content, Message
    from clarion.policy import Cooldown, Escalation, Policy, Retries, Throttle
    from clarion.recipient import Address, Recipient
    from clarion.severity import Severity
    from clarion.workers.wiring import Limits

_HOME = {
    "app": ["Clarion"],
    "cap": ["Cap"],
    "channels": ["Channel"],
    "channels.console": ["Console"],
    "channels.email": ["Email"],
    "channels.pull": ["Pull"],
    "ending": ["Ending"],
    "errors": [
        "ClarionError",
        "ConfigError",
        "Conflict",
        "Down",
        "Gone",
        "HostTransaction",
        "InvalidInput",
        "LeaseLost",
        "NotFound",
        "NotMigrated",
        "Reject",
        "Retry",
        "SendError",
        "UnknownName",
    ],
    "event": ["Event", "EventFields"],
    "event_type": ["EventType"],
    "group": ["Active", "Everyone", "Role"],
    "message": ["Content", "Message"],
    "policy": ["Cooldown", "Escalation", "Policy", "Retries", "Throttle"],
    "recipient": ["Address", "Recipient"],
    "severity": ["Severity"],
    "workers.wiring": ["Limits"],
}
_MODULE_OF = {name: f"clarion.{module}" for module, names in _HOME.items() for name in names}

__all__ = [
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


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clarion' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
