"""The demo's application: its Clarion, what it declares beside GitHub's webhooks, and its people.

A worker finds it as `clarion work --app clarion.demo.application:make`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

from clarion.app import Clarion
from clarion.channels.email import Email
from clarion.demo.people import may_see, people
from clarion.edit import PreferenceEdit
from clarion.errors import ConfigError
from clarion.event import Event
from clarion.policy import Escalation, Policy, Throttle
from clarion.sources import github
from clarion.workers.wiring import Limits

DATABASE = "CLARION_DATABASE"
SMTP = "CLARION_SMTP"
DOMAIN = "acme.test"
SENDER = f"Acme <hello@{DOMAIN}>"
# Short enough that nobody waits long for what a killed worker had in hand, long enough for a busy machine.
LIMITS = Limits(lease=timedelta(seconds=8))


def make() -> Clarion:
    """The Clarion that the environment describes."""
    for name in (DATABASE, SMTP):
        if not os.environ.get(name):
            raise ConfigError(f"the demo's application needs {name} in its environment")
    return build(os.environ[DATABASE], os.environ[SMTP])


def build(database: str, smtp: str, base_url: str = f"https://{DOMAIN}") -> Clarion:
    """`base_url`: where Acme's pages are, to which what is told leads."""
    clarion = Clarion(
        database,
        channels=[Email(smtp, sender=SENDER)],
        name="Acme",
        base_url=base_url,
        limits=LIMITS,
    )
    github.declare(clarion, access=may_see)
    declare(clarion)
    return clarion


def declare(clarion: Clarion) -> None:
    """What happens at Acme itself."""
    both = ("inbox", "email")

    @clarion.type("acme.comment.created", category="comments", description="New comment", channels=both)
    def audience(event: Event, _app: object) -> Iterator[tuple[str, Iterable[str]]]:
        yield "mention", github.mentions(str(event.data["text"]))

    clarion.type(
        "acme.incident.opened",
        category="operations",
        description="Incident opened",
        channels=both,
        severity="urgent",
        required=True,
    )
    clarion.type("acme.meeting.soon", category="meetings", description="Meeting soon", channels=both)
    clarion.type("acme.invoice.sent", category="invoices", description="Invoice", channels=both)
    clarion.type(
        "acme.build.failed",
        category="builds",
        description="Build failed",
        channels=both,
        severity="action",
        policy=Policy(escalation=(Escalation(repeats=2),)),
    )
    clarion.type(
        "acme.remark.added",
        category="remarks",
        description="Remark of the robot",
        channels=both,
        policy=Policy(throttle=Throttle(3, hours=1, channels=("email",))),
    )


def introduce(clarion: Clarion) -> None:
    """Write the demo's people: themselves, their addresses, what they said, and what they follow."""
    for person in people():
        who = person.recipient
        addresses: dict[str, list[str]] = {}
        for address in person.addresses:
            addresses.setdefault(address.channel, []).append(address.value)
        clarion.recipients.upsert(
            who.id,
            name=who.name,
            locale=who.locale,
            time_zone=who.time_zone,
            active=who.active,
            enabled=who.enabled,
            addresses=addresses,
            preferences=[
                PreferenceEdit(
                    scope=said.scope,
                    channel=said.channel,
                    enabled=said.enabled,
                    channels=said.channels,
                    min_severity=said.min_severity,
                    mode=said.mode,
                )
                for said in person.preferences
            ],
        )
        clarion.recipients.subscribe(who.id, *person.topics)
