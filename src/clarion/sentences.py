"""What a gate's verdict says in words, from the values stored with it: about a recipient, and to the recipient.

The values may have been stored by another version: what is missing in them is left out of the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Values = Mapping[str, Any]
Sentence = Callable[[Values], str]

_FOR_GOOD = 9000  # a year from which on nobody waits for the end
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def sentence(gate: str, values: Values, until: datetime | None, *, own: bool = False) -> str:
    """What this gate said; `until`: it only holds. `own`: to the recipient, and of nobody else."""
    said = _say(OWN if own else SENTENCES, gate, values)
    return said if until is None else f"{_held(until, values)}: {said}"


def _say(table: Mapping[str, Sentence], gate: str, values: Values) -> str:
    try:
        return table[gate](values)
    except (KeyError, TypeError, ValueError):  # another version's gate, or its values
        return f"the gate {gate!r} said so"


def told(preference: str | None, *, own: bool = False) -> str:
    """What stands where no gate objected; `preference` is the row that asked for it, if one did."""
    if preference is None:
        return "told"
    return f"told, as {'you' if own else 'the recipient'} asked ({preference})"


def when(value: object, zone: str = "UTC") -> str:
    """An instant, as stored or not, on the clock of a time zone: `2027-03-01 12:30 Europe/Berlin`."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    try:
        there = at.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    except (KeyError, ValueError, OSError, OverflowError):  # a zone of another machine
        there, zone = at.astimezone(UTC), "UTC"
    return f"{there:%Y-%m-%d %H:%M}{f':{there:%S}' if there.second else ''} {zone}"


def until(value: object, zone: str = "UTC") -> str:
    if value is None:
        return "until further notice"
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return "until further notice" if at.year >= _FOR_GOOD else f"until {when(at, zone)}"


def span(length: timedelta) -> str:
    """A length of time in its largest whole unit: `15 minutes`."""
    seconds = length.total_seconds()
    for name, size in _UNITS:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return name if number == 1 else f"{number} {name}s"
    return f"{seconds:g} seconds"


def _held(at: datetime, values: Values) -> str:
    return f"held {until(at, str(values.get('time_zone') or 'UTC'))}"


# ── About a recipient ────────────────────────────────────────────────────────────────────────────────────


def _expired(v: Values) -> str:
    if "expires_at" in v:
        late = f"the event expired at {when(v['expires_at'])}"
    else:
        late = f"too late, the type's max_age ended at {when(v['max_age_until'])}"
    return f"{late}, before what held it would have ended ({v['held_by']})" if v.get("held_by") else late


def _active(v: Values) -> str:
    return "there is no recipient of this id" if v.get("known") is False else "the recipient is inactive"


def _reachable(v: Values) -> str:
    if v.get("gone"):
        return f"every address on this channel is dead ({v['gone']})"
    return "the recipient has no address on this channel"


def _enabled(v: Values) -> str:
    if "narrowed" in v:
        return str(v["narrowed"])
    if "configured" in v:
        return "this channel is not enabled here"
    return (
        f"emitted {when(v['emitted_at'])}, before the channel was enabled for this type "
        f"({when(v['enabled_since'])})"
    )


def _consent(v: Values) -> str:
    match v["said_by"]:
        case "global switch":
            return "the recipient switched everything off (global switch)"
        case "silence":
            return f"the recipient wants silence {until(v.get('until'))}"
        case "type":
            return "off for everybody who does not ask for it (the type's default)"
        case row:
            return f"the recipient said no ({row})"


def _level(v: Values) -> str:
    return f"the recipient follows {v['topic']} at level {v['level']!r}, and the reason is {v['reason']!r}"


def _rule(v: Values) -> tuple[str, str, str]:
    """`cooldown 1/900s thread=cl/42`: the kind of rule, how often it lets pass, and what it is kept for."""
    kind, shape, kept_for = (*str(v["key"]).split(" ", 2), "")[:3]
    limit, _, window = shape.partition("/")
    length = span(timedelta(seconds=float(window.removesuffix("s"))))
    return kind, f"once per {length}" if limit == "1" else f"{limit} times per {length}", kept_for


def _charged(v: Values) -> str:
    kind, often, kept_for = _rule(v)
    since = f" since {when(v['since'])}" if v.get("since") else ""
    lasts = f", {until(v['until'])}" if v.get("until") else ", while it is on its way"
    return f"a {kind}, {often}{f' for {kept_for}' if kept_for else ''}: taken{since}{lasts}"


# One for each gate.
SENTENCES: Mapping[str, Sentence] = {
    "expired": _expired,
    "resolved": lambda _: "its condition had ended",
    "withdrawn": lambda _: "what it was about was withdrawn",
    "actor": lambda _: "nobody is told what they did themselves",
    "active": _active,
    "access": lambda _: "the recipient may not see what it is about",
    "reachable": _reachable,
    "enabled": _enabled,
    "consent": _consent,
    "level": _level,
    "muted": lambda v: f"the recipient muted {v['topic']} {until(v['until'])}",
    "severity": lambda v: f"{v['severity']} is below the recipient's {v['min_severity']} ({v['said_by']})",
    "tags": lambda v: f"the recipient's tags refuse it ({v['refused_by']})",
    "silenced": lambda v: f"silenced by an operator {until(v['until'])} ({v['by']})",
    "read": lambda _: "already read in the inbox",
    "scheduled": lambda v: f"not due before {when(v['due_at'])}",
    "quiet_hours": lambda _: "the recipient's quiet hours",
    "cooldown": _charged,
    "throttle": _charged,
}


# ── To the recipient ─────────────────────────────────────────────────────────────────────────────────────


def _own_consent(v: Values) -> str:
    match v["said_by"]:
        case "global switch":
            return "you switched all notifications off"
        case "silence":
            return f"you asked for silence {until(v.get('until'))}"
        case "type":
            return "off unless you ask for it"
        case row:
            return f"you said no ({row})"


def _own_charged(v: Values) -> str:
    since = f", and were told {when(v['since'])}" if v.get("since") else ""
    return f"you are told of this at most {_rule(v)[1]}{since}"


# The same, for the recipient's own eyes: no operator's comment, no name but of what they chose themselves.
OWN: Mapping[str, Sentence] = {
    "expired": lambda _: "it came too late to be of use",
    "resolved": lambda _: "what it told of had ended",
    "withdrawn": lambda _: "it was taken back",
    "actor": lambda _: "you did it yourself",
    "active": lambda _: "your account is not active",
    "access": lambda _: "you may not see what it is about",
    "reachable": lambda v: "your address stopped working" if v.get("gone") else "you have no address there",
    "enabled": lambda _: "it does not go out there",
    "consent": _own_consent,
    "level": lambda v: f"you follow {v['topic']} at level {v['level']!r}",
    "muted": lambda v: f"you muted {v['topic']} {until(v['until'])}",
    "severity": lambda v: f"you asked for {v['min_severity']} and above ({v['said_by']})",
    "tags": lambda v: f"your tags refuse it ({v['refused_by']})",
    "silenced": lambda v: f"paused by an operator {until(v['until'])}",
    "read": lambda _: "you had read it already",
    "scheduled": lambda v: f"it is not due before {when(v['due_at'])}",
    "quiet_hours": lambda _: "your quiet hours",
    "cooldown": _own_charged,
    "throttle": _own_charged,
}
