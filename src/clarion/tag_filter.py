"""Which tags a recipient wants to hear of: any of some, and then none of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clarion.errors import InvalidInput, UnknownName, shown


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Patterns are tags, or beginnings of tags with a `*` behind: all else in them is taken literally.

    Without `include` every event passes it, also one without tags.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def refuses(self, tags: Iterable[str]) -> str | None:
        """What refuses an event with these tags: a pattern that excludes it, or that none includes it."""
        carried = tuple(tags)
        if self.include and not any(matches(pattern, tag) for pattern in self.include for tag in carried):
            return f"none of {', '.join(self.include)}"
        return next((p for p in self.exclude if any(matches(p, tag) for tag in carried)), None)


def matches(pattern: str, tag: str) -> bool:
    return tag.startswith(pattern[:-1]) if pattern.endswith("*") else tag == pattern


def parse(written: Mapping[str, Any]) -> TagFilter:
    """`{"include": ["team:*"], "exclude": ["noise"]}`; raises `InvalidInput`."""
    for name in written:
        if name not in ("include", "exclude"):
            raise UnknownName("part of a tag filter", name, ["include", "exclude"])
    return TagFilter(_patterns(written, "include"), _patterns(written, "exclude"))


def to_json(wanted: TagFilter) -> dict[str, list[str]]:
    """The reverse of `parse`."""
    return {"include": list(wanted.include), "exclude": list(wanted.exclude)}


def _patterns(written: Mapping[str, Any], name: str) -> tuple[str, ...]:
    patterns = written.get(name) or ()
    listed = isinstance(patterns, Iterable) and not isinstance(patterns, str)
    if not listed or not all(isinstance(p, str) and p for p in patterns):
        raise InvalidInput(
            f"{name} must be a list of tags, or of their beginnings with '*', got {shown(patterns)}"
        )
    return tuple(sorted(set(patterns)))
