"""`/v1/me` as the browser components speak it: what a recipient said, and what they may choose, in one flat answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from pydantic import Field, StrictStr

from clarion import quiet_hours as hours
from clarion.configuration import Configuration
from clarion.errors import InvalidInput, UnknownName, shown
from clarion.question import INBOX
from clarion.quiet_hours import WEEKDAYS, QuietHours
from clarion.web import bodies
from clarion.web.need import Me
from clarion.web.parameters import Parts
from clarion.web.recipient_shapes import Followed, ForType, Preference
from clarion.web.service import Service
from clarion.web.shapes import Shape
from clarion.web.strict import StrictRoute

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=StrictRoute)

_DAYS = {day[:3]: day for day in WEEKDAYS}
_MODES = ("now",)  # nothing collects digests yet: the mode is kept, and not offered


class Mine(Shape):
    """`quiet_hours`: spans by day, each its start and end, and the severity that `passes`."""

    recipient: str
    name: str | None
    locale: str | None
    time_zone: str
    enabled: bool
    silent_until: datetime | None
    quiet_hours: dict[str, Any] | None = Field(examples=[{"mon": [["22:00", "07:00"]], "passes": "urgent"}])
    addresses: dict[str, list[str]]
    channels: list[str]
    modes: list[str] = Field(description="What is offered as `mode` of a preference.")
    types: list[ForType]
    topics: list[Followed]
    preferences: list[Preference]

    @classmethod
    def of(cls, said: Configuration, channels: set[str]) -> Self:
        person = said.recipient
        names = ("name", "locale", "time_zone", "enabled", "silent_until")
        return cls(
            recipient=person.id,
            quiet_hours=None if person.quiet_hours is None else by_day(person.quiet_hours),
            addresses={channel: list(values) for channel, values in said.addresses.items()},
            modes=list(_MODES),
            channels=sorted(channels, key=lambda channel: (channel != INBOX, channel)),
            types=[ForType.model_validate(one) for one in said.types],
            topics=[Followed.model_validate(one) for one in said.topics],
            preferences=[Preference.model_validate(one) for one in said.preferences],
            **{name: getattr(person, name) for name in names},
        )


class Choices(bodies.Choices):
    """As for `/v1/me/configuration`, but for quiet hours, which stand as in the answer; and the locale."""

    model_config = bodies.such_as(
        {
            "locale": "fr",
            "quiet_hours": {"mon": [["22:00", "07:00"]], "passes": "urgent"},
            "preferences": [{"scope": "type:cl.merged", "channel": "email", "mode": "now"}],
        },
        {"topics": [{"topic": "cl/42", "muted_until": "2099-01-01T09:00:00Z"}]},
    )

    locale: StrictStr | None = Field(None, examples=["fr"])


@router.get("")
async def mine(me: Me, service: Parts) -> Mine:
    """All that I said of being told, and what I may choose."""
    return await service.run(lambda: _mine(service, me.tenant, me.own))


@router.patch("")
async def choose(choices: Choices, me: Me, service: Parts) -> Mine:
    """Change it in part: all of it or nothing; what holds then."""
    said = choices.said()
    if said.get("quiet_hours") is not None:
        said["quiet_hours"] = from_days(said["quiet_hours"])

    def write() -> Mine:
        service.clarion.recipients.choose(me.own, by=me.name, tenant=me.tenant, **said)
        return _mine(service, me.tenant, me.own)

    answer = await service.run(write)
    service.streams.wake()
    return answer


def _mine(service: Service, tenant: str, recipient: str) -> Mine:
    recipients = service.clarion.recipients
    return Mine.of(recipients.said(recipient, tenant=tenant), recipients.channels)


def by_day(said: QuietHours) -> dict[str, Any]:
    """`{"mon": [["22:00", "07:00"]], "passes": "urgent"}`."""
    written = hours.to_json(said)
    passes = written.pop("passes")
    return {
        **{day[:3]: [span.split("-") for span in spans] for day, spans in written.items()},
        "passes": passes,
    }


def from_days(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """As the library takes it; `None` where no day has a span. Raises `InvalidInput`, `UnknownName`."""
    written: dict[str, Any] = {}
    for name, spans in said.items():
        if name == "passes":
            written[name] = spans
        elif name not in _DAYS:
            raise UnknownName("day of quiet hours", name, [*_DAYS, "passes"])
        elif not isinstance(spans, list):
            raise InvalidInput(
                f'quiet hours of {name!r} must be spans like [["22:00", "07:00"]], got {shown(spans)}'
            )
        elif spans:
            written[_DAYS[name]] = [_span(span) for span in spans]
    return written if set(written) - {"passes"} else None


def _span(said: object) -> str:
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(end, str) for end in said):
        raise InvalidInput(f'{shown(said)} is no span of quiet hours; write it as ["22:00", "07:00"]')
    return "-".join(said)
