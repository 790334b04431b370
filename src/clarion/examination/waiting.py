"""What waits: for a provider that is down, for its turn, or for somebody who knows its type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from clarion.examination.finding import Finding, Level, trouble
from clarion.pause import Pause
from clarion.question import INBOX
from clarion.store.backlog import Backlog

_LATE, _TOO_LATE = timedelta(minutes=1), timedelta(minutes=15)
_NAMED = 8


def pausing(standing: Iterable[Pause]) -> Iterator[Finding]:
    """What is left alone."""
    none = True
    for pause in standing:
        none = False
        values = {"channel": pause.channel, "lane": pause.lane, "since": pause.since, "until": pause.until}
        resume = f"clarion resume {pause.channel}" + (f" --lane '{pause.lane}'" if pause.lane else "")
        if pause.asked_for:
            seen = f"{pause} pauses until {_at(pause.until)}, says {pause.by}" + (
                f": {pause.detail}" if pause.detail else ""
            )
            yield Finding(
                about="pauses", level=Level.WARNING, seen=seen, remedy=f"to end it: `{resume}`", values=values
            )
        else:
            why = ": ".join(filter(None, [pause.code, pause.detail]))
            seen = f"{pause} is down since {_at(pause.since)} ({why}), tried {pause.probes + 1} times"
            remedy = f"see to it: it is tried again by itself; at once with `{resume}`"
            yield trouble("pauses", seen, remedy, {**values, "code": pause.code, "probes": pause.probes})
    if none:
        yield Finding(about="pauses", level=Level.OK, seen="nothing pauses")


def sending(
    waiting: Iterable[Backlog], now: datetime, paused: Iterable[str], channels: Iterable[str]
) -> Iterator[Finding]:
    """What is due on each channel and not sent yet."""
    none, paused, channels = True, set(paused), set(channels)
    for one in waiting:
        none = False
        level, seen, values = _late(one, now)
        remedy = (
            "see that workers run, and that they send as fast as it comes" if level is not Level.OK else None
        )
        if channels and one.name not in channels:
            level = max(level, Level.WARNING, key=list(Level).index)
            remedy = f"no channel {one.name!r} is configured here: nothing of it is sent unless another process has it"
        elif one.name in paused and level is not Level.OK:
            level, remedy = Level.WARNING, "it pauses, see there"
        yield Finding(about=f"backlog of {one.name}", level=level, seen=seen, remedy=remedy, values=values)
    if none:
        yield Finding(about="backlog", level=Level.OK, seen="no delivery waits")


def walking(waiting: Backlog, now: datetime) -> Finding:
    """Events whose audience was not told yet."""
    level, seen, values = _late(waiting, now)
    remedy = None if level is Level.OK else "see that workers run, and what they log about resolvers"
    return Finding(about="events", level=level, seen=seen, remedy=remedy, values=values)


def _late(waiting: Backlog, now: datetime) -> tuple[Level, str, dict[str, Any]]:
    age = timedelta() if waiting.oldest is None else max(now - waiting.oldest, timedelta())
    level = Level.OK if age < _LATE else Level.WARNING if age < _TOO_LATE else Level.TROUBLE
    seen = f"{waiting.waiting} wait, {waiting.due} of them due"
    if waiting.oldest is not None:
        seen += f", the oldest for {_long(age)}"
    return (
        level,
        seen,
        {"waiting": waiting.waiting, "due": waiting.due, "oldest_seconds": round(age.total_seconds())},
    )


def declared(types: Iterable[str], stored: Iterable[str]) -> Finding:
    """Types in the database against those of this application."""
    here, there = set(types), set(stored)
    if not here:
        return Finding(
            about="types", level=Level.OK, seen=f"{len(there)} are stored, none is declared here to compare"
        )
    lost, new = sorted(there - here), sorted(here - there)
    values = {"declared": len(here), "not_declared": lost, "not_stored": new}
    if not lost and not new:
        return Finding(
            about="types", level=Level.OK, seen=f"all {len(here)} are stored and declared", values=values
        )
    seen, remedy = [], []
    if lost:
        seen.append(f"stored but not declared here: {_some(lost)}")
        remedy.append("what is left of them is sent by who declares them; declare them again if nobody does")
    if new:
        seen.append(f"declared but not stored yet: {_some(new)}")
        remedy.append("they are once a process has started with them")
    return Finding(
        about="types", level=Level.WARNING, seen="; ".join(seen), remedy="; ".join(remedy), values=values
    )


def unserved(goes_out: Mapping[str, Iterable[str]], channels: Iterable[str]) -> Iterator[Finding]:
    """By type, where it goes out: each of these channels that is not configured here."""
    by_channel: dict[str, list[str]] = {}
    for code, names in goes_out.items():
        for name in {*names} - {INBOX, *channels}:
            by_channel.setdefault(name, []).append(code)
    for name, codes in sorted(by_channel.items()):
        verb = "goes" if len(codes) == 1 else "go"
        own = "give the application's Clarion such a channel"
        yield Finding(
            about="types",
            level=Level.WARNING,
            seen=f"{_some(sorted(codes))} {verb} out on {name}, which is not configured here",
            remedy=f"say [mail] smtp and sender, or {own}" if name == "email" else own,
            values={"channel": name, "types": sorted(codes)},
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def _long(span: timedelta) -> str:
    """`3 d 4 h`, `12 min`, `40 s`: the two largest units."""
    seconds = int(span.total_seconds())
    sizes = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    parts = []
    for unit, size in sizes:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"
