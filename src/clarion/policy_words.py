"""A policy in words, as people read it who did not write it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from clarion.event_type import EventType
from clarion.policy import Escalation, Retries
from clarion.retention import said
from clarion.slot import Rule

_BEYOND = {"suppress": "", "hold": "; what is beyond waits for room"}


def sentences(type: EventType) -> list[str]:
    """What holds for this type beyond its channels, a sentence each."""
    return list(_sentences(type))


def _sentences(type: EventType) -> Iterator[str]:
    policy = type.policy
    if type.required:
        yield "required: nothing that a recipient says stops it"
    elif not type.enabled:
        yield "off until a recipient asks for it"
    if policy.cooldown is not None:
        yield f"cooldown: once in {_window(policy.cooldown)}"
    if (throttle := policy.throttle) is not None:
        yield f"throttle: at most {throttle.limit} in {_window(throttle)}{_BEYOND[throttle.overflow]}"
    for step in policy.escalation:
        yield f"escalation: {_step(step)}"
    if policy.tell_actor:
        yield "told to who did it, too"
    if type.unless_read:
        yield "not sent once it was read in the inbox"
    age = (
        "waits to be sent as long as it takes"
        if type.max_age is None
        else f"not sent after {said(type.max_age)}"
    )
    yield f"{age}; {_retries(policy.retries)}"


def _window(rule: Rule) -> str:
    where = "" if rule.channels is None else f" on {', '.join(rule.channels)}"
    each = ", for each channel by itself" if rule.charge == "channel" else ""
    exempt = "" if rule.exempt is None else f", but for {rule.exempt.label} and above"
    return f"{said(rule.window)} for each {' and '.join(rule.key)}{where}{each}{exempt}"


def _step(step: Escalation) -> str:
    when = [] if step.repeats is None else [f"after {step.repeats} repeats"]
    when += [] if step.after is None else [f"{said(step.after)} after it opened"]
    to = "one severity above" if step.severity is None else step.severity.label
    again = ", and told again" if step.renotify else ", where it stands"
    return f"{' or '.join(when)}, to {to}{again}"


def _retries(retries: Retries) -> str:
    if not retries.waits:
        return "tried once"
    return f"tried {retries.attempts} times, the waits from {said(min(retries.waits))} to {said(max(retries.waits))}"
