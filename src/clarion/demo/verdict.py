"""Whether everything arrived: what the catcher received, and what was to be expected, against the ledger. Pure.

Nothing here asks the code that decides and sends. Who is a candidate is worked out anew from what was emitted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarion.demo.application import DOMAIN
from clarion.demo.catcher import ReceivedMail
from clarion.demo.feed import Emission
from clarion.demo.ledger import Ledger, Sent
from clarion.demo.people import Person
from clarion.recipient import Address

Expected = Mapping[str, frozenset[str]]  # the candidates of each event, by its key

_INBOX, _EMAIL = "inbox", "email"
_UNWANTED = ("suppressed", "cancelled")
_mention = re.compile(r"@([a-z]+(?:-[a-z]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The counts, and what is wrong with them."""

    events: int
    notifications: int
    deliveries: dict[str, int]  # by state
    mails_received: int
    lost: int
    duplicates: int
    allowed_duplicates: int  # attempts that may have arrived without being written down
    excess_duplicates: int  # those that no such attempt of the same delivery explains
    leases_lost: int  # what killed workers had in hand
    undecided: int
    uninvited: int  # decided on, and no candidate
    strangers: int  # mails that belong to no delivery
    misdirected: int
    suppressed: dict[str, int]  # by gate
    problems: list[str] = field(default_factory=list)


def expected(emissions: Iterable[Emission], people: Sequence[Person]) -> Expected:
    """Everybody who must be decided on: named, mentioned in Acme's own comments, or following the topic."""
    followers: dict[str, set[str]] = {}
    for person in people:
        for topic in person.topics:
            followers.setdefault(topic, set()).add(person.id)
    candidates: dict[str, frozenset[str]] = {}
    for code, fields in emissions:
        told = set(followers.get(fields.get("topic") or "", ()))
        to: Any = fields.get("to") or {}
        for named in to.values():
            told |= {f"{who.channel}:{who.value}" if isinstance(who, Address) else who for who in named}
        if code == "acme.comment.created":
            told |= set(_mention.findall(fields["data"]["text"]))
        candidates[str(fields["key"])] = frozenset(told)
    return candidates


def judge(candidates: Expected, ledger: Ledger, mails: Sequence[ReceivedMail]) -> Verdict:
    """Compare the three."""
    received = Counter(mail.message_id for mail in mails)
    mailed = {f"<{one.id}@{DOMAIN}>": one for one in ledger.deliveries if one.channel == _EMAIL}
    extra = {id: n - 1 for id, n in received.items() if n > 1}
    wanted = {(key, who) for key, whole in candidates.items() for who in whole}
    decided = Counter((one.key, one.recipient) for one in ledger.decided)
    unsure = {id: one.unsure for id, one in mailed.items()}
    counts: dict[str, Any] = {
        "events": len(ledger.events),
        "notifications": len(ledger.decided),
        "deliveries": dict(sorted(Counter(one.state for one in ledger.deliveries).items())),
        "mails_received": len(mails),
        "lost": _lost(ledger, mailed, received),
        "duplicates": sum(extra.values()),
        "allowed_duplicates": sum(unsure.values()),
        "excess_duplicates": sum(max(0, n - unsure.get(id, 0)) for id, n in extra.items()),
        "leases_lost": sum(one.losses for one in ledger.deliveries),
        "undecided": len(wanted - set(decided)) + _unwalked(candidates, ledger),
        "uninvited": sum(n - (pair in wanted) for pair, n in decided.items()),
        "strangers": sum(n for id, n in received.items() if id not in mailed),
        "misdirected": sum(
            mail.message_id in mailed and mail.to != (mailed[mail.message_id].address,) for mail in mails
        ),
        "suppressed": dict(sorted(ledger.suppressed.items())),
    }
    return Verdict(**counts, problems=_problems(counts))


def _lost(ledger: Ledger, mailed: Mapping[str, Sent], received: Mapping[str, int]) -> int:
    """Told on a channel without a trace of it; without an end, or with two; said to be sent, and never received.

    Every address of the demo is good, and its catcher takes everything: what failed is lost as well.
    """
    made = {(one.notification_id, one.channel) for one in ledger.deliveries}
    traceless = sum(
        not one.visible if channel == _INBOX else (one.id, channel) not in made
        for one in ledger.decided
        for channel in one.told
    )
    endless = {one.id for one in ledger.deliveries if one.finals != 1 or one.state in ("waiting", "sending")}
    missing = {one.id for id, one in mailed.items() if one.state not in _UNWANTED and id not in received}
    return traceless + len(endless | missing)


def _unwalked(candidates: Expected, ledger: Ledger) -> int:
    """Events that are not there, or that nobody has finished deciding on, and that nobody is a candidate of."""
    walked = {one.key for one in ledger.events if one.walked}
    return sum(key not in walked for key in candidates)


def _problems(counts: Mapping[str, Any]) -> list[str]:
    wrong = ("lost", "undecided", "uninvited", "strangers", "misdirected", "excess_duplicates")
    return [f"{counts[name]} {name.replace('_', ' ')}" for name in wrong if counts[name]]
