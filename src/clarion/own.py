"""What a recipient may read about a notification of their own, and the one change that would stop it. Pure.

Nothing of anybody else stands in it: no audience, no actor, no operator's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clarion.circumstances import topics
from clarion.event import Event
from clarion.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The one change after which this would not have come.

    To make it: `getattr(clarion.recipients, stop.kind)(recipient, *stop.arguments, **stop.options)`.
    """

    kind: str  # unsubscribe, watch or prefer
    arguments: tuple[str, ...]  # a topic; a topic and a level; a scope
    options: Mapping[str, Any] = field(default_factory=dict)
    sentence: str

    def applied(self, question: Question) -> Question | None:
        """The question as it would be asked after this change; `None`: of nobody, they are not in the audience."""
        match self.kind, self.arguments:
            case "watch", (topic, level):
                return question._replace(level=level, level_by=topic)
            case "prefer", (scope,):
                return question._replace(on=self.options["enabled"], on_by=scope)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChannel:
    """One channel, and why it came there, later, or not at all."""

    channel: str
    told: bool
    until: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Why I got this. `stop_sentence` says how to stop it also where there is no such change.

    `told`: `None` as long as it is not decided.
    """

    recipient: str
    told: bool | None
    reason: str | None
    sentence: str
    channels: tuple[OwnChannel, ...]
    stop: Stop | None
    stop_sentence: str


_REASONS: Mapping[str, str] = {
    "mention": "you were mentioned in {it}",
    "assigned": "{it} is assigned to you",
    "reviewer": "you review {it}",
    "author": "{it} is yours",
    "participant": "you take part in {it}",
    "direct": "it was addressed to you",
}


def view(
    event: Event,
    recipient: str,
    reason: str | None,
    question: Question | None,
    channels: Sequence[OwnChannel],
    *,
    by_topic: bool,
    decided: bool = True,
) -> Own:
    """The recipient's own view. `by_topic`: nothing but a subscription brought them into the audience."""
    if not decided:
        return Own(
            recipient=recipient,
            told=None,
            reason=None,
            sentence="Whether you are told of this is not decided yet",
            channels=(),
            stop=None,
            stop_sentence="There is nothing to stop",
        )
    told = [channel.channel for channel in channels if channel.told]
    hidden = question is not None and question.access is False
    stop, how = _stop(event, question, by_topic=by_topic) if told else (None, "There is nothing to stop")
    return Own(
        recipient=recipient,
        told=bool(told),
        reason=reason,
        sentence=_sentence(event, reason, told, by_topic=by_topic, hidden=hidden),
        channels=tuple(channels),
        stop=stop,
        stop_sentence=how if stop is None else stop.sentence,
    )


def _sentence(event: Event, reason: str | None, told: Sequence[str], *, by_topic: bool, hidden: bool) -> str:
    if reason is None:
        return "You were not told of this: it did not concern you"
    because = _because(event, reason, by_topic=by_topic)
    if hidden:
        return "You were not told of this: you may not see what it is about"
    if not told:
        return f"It concerned you, because {because}, but you were not told"
    return f"You were told by {' and '.join(told)}, because {because}"


def _because(event: Event, reason: str, *, by_topic: bool) -> str:
    if by_topic:
        return f"you follow {event.topic}"
    it = event.thread or event.subject or "what it is about"
    return _REASONS[reason].format(it=it) if reason in _REASONS else f"your part in {it} is {reason!r}"


def _stop(event: Event, question: Question | None, *, by_topic: bool) -> tuple[Stop | None, str]:
    """The narrowest change that certainly stops it: of this topic if there is one, else of this type."""
    if question is None:
        return None, "An older version of Clarion decided this; what would stop it is not known"
    if question.required:
        return None, "Messages of this kind are required: they cannot be switched off"
    about = topics(event)
    if by_topic and event.topic is not None:
        said = f"To stop it, unsubscribe from {event.topic}"
        return Stop(kind="unsubscribe", arguments=(event.topic,), sentence=said), said
    if about:
        said = f"To stop it, follow {about[0]} at level 'none'"
        return Stop(kind="watch", arguments=(about[0], "none"), sentence=said), said
    said = f"To stop it, switch off {event.type}"
    off = {"enabled": False}
    return Stop(kind="prefer", arguments=(f"type:{event.type}",), options=off, sentence=said), said
