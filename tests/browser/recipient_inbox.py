"""One recipient's inbox in memory: items, counts, numbered changes, and their choices."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

PATCHES: dict[str, tuple[str, bool]] = {
    "seen": ("seen_at", True),
    "read": ("read_at", True),
    "unread": ("read_at", False),
    "done": ("done_at", True),
    "undone": ("done_at", False),
    "save": ("saved_at", True),
    "unsave": ("saved_at", False),
    "delete": ("deleted_at", True),
    "undelete": ("deleted_at", False),
    "unsnooze": ("snoozed_until", False),
}
STATES = ("seen_at", "read_at", "done_at", "saved_at", "snoozed_until", "resolved_at")
SEVERITIES = ("info", "warning", "action", "urgent")
ME: dict[str, Any] = {
    "recipient": "bob",
    "name": "Bob",
    "locale": "en",
    "time_zone": "Europe/Berlin",
    "enabled": True,
    "silent_until": None,
    "quiet_hours": {"mon": [["22:00", "07:00"]]},
    "addresses": {"email": ["bob@acme.test"]},
    "channels": ["inbox", "email"],
    "modes": ["now", "digest"],
    "types": [
        {
            "type": type,
            "category": category,
            "description": description,
            "required": required,
            "on": True,
            "by": "default",
            "channels": [
                {
                    "channel": channel,
                    "wanted": True,
                    "wanted_by": "required" if required else "default",
                    "min_severity": None,
                    "min_severity_by": "default",
                    "mode": "now",
                }
                for channel in ("inbox", "email")
            ],
        }
        for type, category, description, required in (
            ("review.requested", "reviews", "Somebody asks for your review", False),
            ("review.commented", "reviews", "A comment on what you review", False),
            ("deploy.failed", "deploys", "A deploy of yours failed", False),
            ("account.locked", "security", "Your account was locked", True),
        )
    ],
    "topics": [
        {"topic": "cl/42", "subscribed": True, "level": "all", "muted_until": None, "reason": "subscribed"}
    ],
    "preferences": [],
}


def now() -> str:
    return datetime.now(UTC).isoformat()


class Inbox:
    def __init__(self, wake: Callable[[], None]) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.changes: list[dict[str, Any]] = []
        self.said: list[tuple[str, str, str]] = []
        self.me = copy.deepcopy(ME)
        self.feed = 100
        self._wake = wake
        self._numbers = itertools.count(1)

    def emit(self, title: str | None = None, *, quietly: bool = False, **given: Any) -> str:
        """A new item. `quietly`: it was there before anybody looked."""
        n = next(self._numbers)
        age = given.pop("age", timedelta())
        about = {
            name: given.pop(name, default)
            for name, default in (
                ("type", "review.commented"),
                ("category", "reviews"),
                ("actor", "alice"),
                ("subject", f"cl/{n}"),
                ("thread", f"cl/{n}"),
            )
        }
        item: dict[str, Any] = {
            "id": f"n{n}",
            "event": {"id": f"e{n}", **about, "tags": []},
            "title": title or f"Notification {n}",
            "text": f"What number {n} is about",
            "url": f"/page/opened-{n}",
            "reason": "mention",
            "severity": "info",
            "at": (datetime.now(UTC) - age).isoformat(),
            "place": f"{n:08}",
            **dict.fromkeys(STATES),
            **given,
        }
        self.items[item["id"]] = item
        if not quietly:
            self._tell("notification.created", item)
        return str(item["id"])

    def emit_many(self, count: int, **given: Any) -> list[str]:
        return [self.emit(**given) for _ in range(count)]

    def page(self, query: dict[str, str]) -> dict[str, Any]:
        found = sorted(
            (i for i in self.items.values() if self._asked(i, query)), key=lambda i: i["place"], reverse=True
        )
        found = [item for item in found if item["place"] < query.get("cursor", "~")]
        limit = int(query.get("limit", 25))
        rest: dict[str, Any] = {"counts": self.counts(), "feed": self.feed}
        if query.get("group") == "thread":
            groups = [
                list(each)
                for _, each in itertools.groupby(
                    sorted(found, key=lambda i: i["event"]["thread"]), key=lambda i: i["event"]["thread"]
                )
            ]
            newest = [
                {
                    "thread": each[0]["event"]["thread"],
                    "items": len(each),
                    "unread": sum(not i["read_at"] for i in each),
                    "actors": sorted({i["event"]["actor"] for i in each})[:3],
                    "newest": max(each, key=lambda i: i["place"]),
                }
                for each in groups
            ]
            return {
                "groups": sorted(newest, key=lambda g: g["newest"]["place"], reverse=True)[:limit],
                "next": None,
                **rest,
            }
        page = found[:limit]
        return {"items": page, "next": page[-1]["place"] if len(found) > limit else None, **rest}

    def counts(self) -> dict[str, int]:
        views = ("unseen", "unread", "saved", "snoozed", "done", "inbox")
        return {view: sum(self._in(item, view) for item in self.items.values()) for view in views}

    def change(self, verb: str, ids: list[str], until: str | None = None) -> dict[str, Any]:
        changed = []
        for id in ids:
            if (item := self.items.get(id)) is None:
                continue
            if verb == "snooze":
                item["snoozed_until"] = until
            else:
                field, on = PATCHES[verb]
                item[field] = now() if on else None
            if verb == "read":
                item["seen_at"] = item["seen_at"] or item["read_at"]
            changed.append({"id": id, **{state: item[state] for state in STATES}})
            self._tell("notification.removed" if verb == "delete" else "notification.updated", item)
        return {"changed": changed, "counts": self.counts()}

    def reset(self) -> None:
        """What anybody knows of this inbox is too old."""
        self.feed += 1
        self.changes = [{"seq": self.feed, "kind": "reset"}]
        self._wake()

    def why(self, id: str) -> dict[str, Any]:
        thread = self.items[id]["event"]["thread"]
        return {
            "sentence": f"You were told by inbox, because you were mentioned in {thread}",
            "reason": "mention",
            "channels": [
                {"channel": "inbox", "told": True, "until": None, "sentence": "told"},
                {
                    "channel": "email",
                    "told": False,
                    "until": None,
                    "sentence": "not told: below the severity you chose",
                },
            ],
            "stop": {"kind": "watch", "sentence": f"Stop watching {thread}"},
            "stop_sentence": f"Stop watching {thread}",
        }

    def patch(self, body: dict[str, Any]) -> None:
        for choice in body.pop("preferences", []):
            for type in self.me["types"]:
                if (
                    choice["scope"] in {"*", f"type:{type['type']}", f"category:{type['category']}"}
                    and not type["required"]
                ):
                    for cell in type["channels"]:
                        if cell["channel"] == choice["channel"]:
                            cell.update(
                                {
                                    "wanted": choice.get("enabled", cell["wanted"]),
                                    "wanted_by": choice["scope"],
                                }
                            )
                            cell.update(
                                {name: choice[name] for name in ("min_severity", "mode") if name in choice}
                            )
            self.me["preferences"] = [*self.me["preferences"], choice]
        for topic in body.pop("topics", []):
            for known in self.me["topics"]:
                if known["topic"] == topic["topic"]:
                    known.update(topic)
        self.me.update(body)

    def _tell(self, kind: str, item: dict[str, Any]) -> None:
        self.feed += 1
        change = {
            "seq": self.feed,
            "kind": kind,
            "id": item["id"],
            "item": None if kind.endswith("removed") else copy.deepcopy(item),
            "counts": self.counts(),
        }
        self.changes.append(change)
        self._wake()

    def _asked(self, item: dict[str, Any], query: dict[str, str]) -> bool:
        event = item["event"]
        return (
            self._in(item, query.get("view", "inbox"))
            and all(
                event[name] == query[name]
                for name in ("category", "thread", "subject", "type")
                if name in query
            )
            and SEVERITIES.index(item["severity"]) >= SEVERITIES.index(query.get("severity", "info"))
            and query.get("q", "").lower() in item["title"].lower()
        )

    def _in(self, item: dict[str, Any], view: str) -> bool:
        kept = not item.get("deleted_at")
        snoozed = (
            kept
            and not item["done_at"]
            and item["snoozed_until"] is not None
            and item["snoozed_until"] > now()
        )
        inbox = kept and not item["done_at"] and not snoozed
        return bool(
            {
                "inbox": inbox,
                "unread": inbox and not item["read_at"],
                "unseen": inbox and not item["seen_at"],
                "saved": kept and item["saved_at"],
                "done": kept and item["done_at"],
                "snoozed": snoozed,
            }[view]
        )
