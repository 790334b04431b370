"""Every row of the tables in docs/preferences.md, read from there and put to the function that decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clarion import quiet_hours, tag_filter
from clarion.circumstances import Candidate, Facts
from clarion.event_type import EventType, declare
from clarion.gates import Decision
from clarion.plan import plan
from clarion.preference import Preference, Watch
from clarion.recipient import FOREVER, Recipient, StoredAddress
from clarion.severity import ALIASES, Severity
from tests.docs.code import ROOT
from tests.support.events import event

NO_ID: Any = None
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHANNELS = ("inbox", "email", "sms")
Row = Mapping[str, str]


# ── Reading the document ─────────────────────────────────────────────────────────────────────────────────


@cache
def tables() -> list[list[Row]]:
    """Every table behind the heading "The cases", each row by its column's heading."""
    text = (ROOT / "docs/preferences.md").read_text(encoding="utf-8").partition("\n## The cases\n")[2]
    found: list[list[Row]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()
        )
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def rows(*columns: str) -> list[Row]:
    """The rows of all tables with these columns."""
    return [row for table in tables() for row in table if set(columns) <= set(table[0])]


def numbered(found: Sequence[Row]) -> list[Any]:
    return [pytest.param(row, id=row[""]) for row in found]


SAID, QUIET, LEVELS = rows("said"), rows("quiet hours"), rows("level")


def _types() -> Iterator[tuple[str, EventType]]:
    declared = {"": {}, "off by default": {"enabled": False}, "required": {"required": True}}
    for row in rows("type", "declared"):
        code = row["type"].strip("`")
        channels = () if row["channels"] == "none" else row["channels"].split(", ")
        yield (
            code,
            declare(code, {"category": row["category"], "channels": channels, **declared[row["declared"]]}),
        )


TYPES = dict(_types())


# ── What was said ────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Said:
    """What stands in a cell, one statement after the other."""

    own: dict[str, Any] = field(default_factory=dict)
    preferences: list[Preference] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)


def said(cell: str) -> Said:
    result = Said()
    statements = re.findall(r"`([^`]+)`", cell)
    assert "".join(f"`{s}`" for s in statements) == cell.replace("` `", "``"), cell
    for statement in statements:
        about, _, values = statement.rpartition(": ")
        match about.split(" / "):
            case [""]:
                result.own |= _own(statement)
            case ["tags"]:
                result.own["tags"] = _tags(values)
            case ["quiet"]:
                result.own["quiet_hours"] = _hours(values)
            case [scope, *on] if scope == "*" or scope.startswith(("type:", "category:")):
                result.preferences.append(
                    Preference(scope=scope, channel=on[0] if on else "*", **_values(values))
                )
            case [topic]:
                result.watches.append(Watch(topic=topic, **_values(values)))
    return result


def _own(statement: str) -> dict[str, Any]:
    match statement.split(" "):
        case ["global", "switch", "off"]:
            return {"enabled": False}
        case ["silent", *until]:
            return {"silent_until": _instant(" ".join(until[1:])) if until else FOREVER}
        case ["zone", name]:
            return {"time_zone": name}
    raise AssertionError(statement)


def _values(written: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for value in written.split(", "):
        match value.split(" "):
            case ["on" | "off" as switch]:
                values["enabled"] = switch == "on"
            case ["channels", "none"]:
                values["channels"] = ()
            case ["channels", *names]:
                values["channels"] = tuple(names)
            case ["from", severity]:
                values["min_severity"] = Severity.of(severity)
            case ["level", level]:
                values["level"] = level
            case ["muted", *until]:
                values["muted_until"] = _instant(" ".join(until[1:])) if until else FOREVER
            case _:
                raise AssertionError(value)
    return values


def _tags(written: str) -> tag_filter.TagFilter:
    parts = dict(part.split(" ", 1) for part in written.split(", "))
    assert set(parts) <= {"only", "not"}
    names = {"only": "include", "not": "exclude"}
    return tag_filter.parse({names[name]: values.split(" ") for name, values in parts.items()})


def _hours(written: str) -> quiet_hours.QuietHours:
    hours: dict[str, Any] = {}
    for part in written.split(", "):
        day, span = part.split(" ")
        if day == "passes":
            hours[day] = span
        else:
            hours.setdefault(day, []).append(span)
    return quiet_hours.parse(hours)


def _instant(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


# ── Deciding ─────────────────────────────────────────────────────────────────────────────────────────────


def decided(
    given: Said,
    *,
    code: str = "cl.merged",
    reason: str = "direct",
    at: datetime = NOON,
    expires_at: datetime | None = None,
    **fields: Any,
) -> dict[str, Decision]:
    """The decisions about an event that is emitted and due at this instant, by channel."""
    about = {"subject": "cl/42", "thread": "cl/42/c7", "topic": "repo/acme"}
    happened = replace(event(**about | fields), type=code, emitted_at=at, at=at, expires_at=expires_at)
    facts = Facts(
        recipients={"bob": Recipient(id="bob", **given.own)},
        addresses={"bob": [StoredAddress(id=NO_ID, channel=name, value="x") for name in CHANNELS[1:]]},
        preferences={"bob": given.preferences},
        enabled_since=dict.fromkeys(CHANNELS, LONG_AGO),
        watches={"bob": given.watches},
    )
    (planned,) = plan(happened, TYPES[code], [Candidate("bob", reason)], facts, at).planned
    return {decision.channel: decision for decision in planned.decisions}


def happened(cell: str) -> dict[str, Any]:
    """`urgent, mention, tags a b, at 2026-03-02 23:00` as the arguments of `decided`."""
    fields: dict[str, Any] = {}
    for statement in filter(None, cell.split(", ")):
        match statement.split(" "):
            case ["tags", *tags]:
                fields["tags"] = tags
            case ["only", *channels]:
                fields["channels"] = channels
            case ["no", "thread" | "subject" | "topic" as name]:
                fields[name] = None
            case ["at", *_]:
                fields["at"] = _instant(statement[3:])
            case ["expires", *_]:
                fields["expires_at"] = _instant(statement[8:])
            case [word] if word in TYPES:
                fields["code"] = word
            case [word] if word in ALIASES or word.upper() in Severity.__members__:
                fields["severity"] = word
            case [reason]:
                fields["reason"] = reason
            case _:
                raise AssertionError(statement)
    return fields


def pairs(cell: str) -> dict[str, str]:
    """`email: consent, inbox: tags` by channel."""
    return dict(pair.split(": ", 1) for pair in filter(None, cell.split(", ")))


# ── The tests ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("row", numbered(SAID))
def test_what_was_said_and_what_follows(row: Row) -> None:
    found = decided(said(row["said"]), **happened(row["event"]))
    held = {name: d.until.strftime("%Y-%m-%d %H:%M") for name, d in found.items() if d.until is not None}
    told = [name for name, d in found.items() if d.told and name not in held]
    refused = {name: d.gate for name, d in found.items() if not d.told}
    wanted = pairs(row["refused"])
    if (rest := wanted.pop("all", None)) is not None:
        assert set(refused) - set(wanted), "all: nobody is left"
        wanted |= {name: rest for name in refused if name not in wanted}
    assert told == [name for name in row["told"].split(", ") if name]
    assert refused == wanted
    assert held == pairs(row.get("held until", ""))


@pytest.mark.parametrize("row", numbered(QUIET))
def test_when_mail_may_come(row: Row) -> None:
    zone = ZoneInfo(row["time zone"])
    at = _local(row["it is"], zone)
    given = Said(own={"quiet_hours": _hours(row["quiet hours"]), "time_zone": row["time zone"]})
    found = decided(given, at=at, severity=row["severity"] or None)
    assert found["inbox"].until is None
    assert found["email"].told
    wanted = None if row["email"] == "now" else _local(row["email"], zone)
    assert found["email"].until == wanted, (
        f"until {found['email'].until and found['email'].until.astimezone(zone)}"
    )


def _local(written: str, zone: ZoneInfo) -> datetime:
    """`Mon 2026-03-02 23:00 -05:00`: a weekday, a time and an offset that exist there."""
    weekday, day, time, *offset = written.split(" ")
    instant = datetime.fromisoformat(f"{day}T{time}{offset[0] if offset else '+00:00'}")
    assert instant.strftime("%a") == weekday
    there = instant.astimezone(zone)
    assert (there.replace(tzinfo=None), there.utcoffset()) == (
        instant.replace(tzinfo=None),
        instant.utcoffset(),
    )
    return instant.astimezone(UTC)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["level"]) for row in LEVELS])
def test_levels_and_reasons(row: Row) -> None:
    level = None if row["level"] == "unsaid" else row["level"].strip("`")
    for reason, mark in row.items():
        if reason != "level":
            found = decided(Said(watches=[Watch(topic="cl/42", level=level)]), reason=reason)
            gates = {"✓": {None}, "–": {"level"}}[mark]
            assert {decision.gate for decision in found.values()} == gates, reason


def test_the_table_is_whole() -> None:
    numbers = [int(row[""]) for table in tables() for row in table if "" in row]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == len(SAID) + len(QUIET)
    cases = len(numbers) + sum(len(row) - 1 for row in LEVELS)
    assert cases >= 290
