"""What an event says when nobody wrote a template for it: title, text, names, button, and why one got it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clarion.event import Event
from clarion.event_type import EventType
from clarion.severity import Severity
from clarion.templates.plain import TEXT_LIMIT, clean, cut, one_line
from clarion.templates.words import Words

BUTTON_LIMIT = 60

REASONS = {
    "mention": "You got this because you were mentioned.",
    "assigned": "You got this because it is assigned to you.",
    "author": "You got this because you are its author.",
    "owner": "You got this because you own it.",
    "reviewer": "You got this because you are a reviewer.",
    "participant": "You got this because you took part in the conversation.",
    "subscribed": "You got this because you are subscribed to it.",
    "team": "You got this because it concerns your team.",
    "on_call": "You got this because you are on call.",
    "cc": "You got this because you are in copy.",
    "direct": "You got this because it is addressed to you.",
}
ALIASES = {
    "mentioned": "mention",
    "assignee": "assigned",
    "commenter": "participant",
    "follower": "subscribed",
    "subscriber": "subscribed",
    "topic": "subscribed",
    "watcher": "subscribed",
    "watching": "subscribed",
    "on-call": "on_call",
    "oncall": "on_call",
}
SEVERITIES = {
    Severity.WARNING: "Warning",
    Severity.ACTION: "Action needed",
    Severity.URGENT: "Urgent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The defaults of one event in one language, as plain text. `None`: there is nothing to say."""

    title: str
    text: str
    actor: str | None
    subject: str | None
    button: str
    because: str
    severity: str | None


def say(event: Event, type: EventType, reason: str, severity: Severity, words: Words) -> Said:
    subject = _name(event.data, "subject_name", event.subject, words("Untitled"))
    what = one_line(words(type.title)).rstrip(".") or type.code
    about = words("{what}: {about}", what=what, about=subject) if subject else what
    return Said(
        title=one_line(value(event.data, "title") or about),
        text=excerpt(value(event.data, "text") or about, words),
        actor=_name(event.data, "actor_name", event.actor, words("Someone")),
        subject=subject,
        button=one_line(value(event.data, "button") or words("Open"), BUTTON_LIMIT),
        because=because(reason, words),
        severity=words(SEVERITIES[severity]) if severity in SEVERITIES else None,
    )


def because(reason: str, words: Words) -> str:
    """The reason as a sentence. An application's catalogue may translate the sentence of its own reason whole."""
    known = REASONS.get(ALIASES.get(reason, reason))
    if known:
        return words(known)
    plain = one_line(reason)
    whole = f"You got this because of: {plain}"
    own = words(whole)
    return own if own != whole else words("You got this because of: {reason}", reason=plain)


def excerpt(text: str, words: Words, limit: int = TEXT_LIMIT) -> str:
    """The beginning of `text`, saying how much is missing."""
    text = clean(text)
    short = cut(text, limit)
    if short == text:
        return text
    missing = words.plural("{n} more character", "{n} more characters", len(text) - len(short) + 1)
    return f"{short}\n\n({missing})"


def value(data: Mapping[str, Any], name: str) -> str | None:
    """What `data` has of that name, if it is something to read."""
    found = data.get(name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and one_line(found) else None


def _name(data: Mapping[str, Any], field: str, id: str | None, unnamed: str) -> str | None:
    """A name given in the data, else the id; a name that is given and empty is one that no longer exists."""
    if field in data:
        return one_line(value(data, field) or unnamed)
    return one_line(id) or None if id else None
