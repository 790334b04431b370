"""What operators send."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StrictInt, StrictStr

from clarion.web.bodies import Body, such_as

SOME = 10_000  # deliveries by their ids


class _Chosen(Body):
    """All that is said must hold, and something must be said."""

    deliveries: Annotated[list[UUID], Field(max_length=SOME)] | None = None
    event: UUID | None = None
    channel: StrictStr | None = Field(None, examples=["email"])
    type: StrictStr | None = None
    recipient: StrictStr | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Replay(_Chosen):
    """Of what has ended. `since` and `until`: when it did."""

    model_config = such_as(
        {"verb": "replay", "channel": "email", "code": "smtp_451"},
        {"verb": "replay", "type": "cl.merged", "states": ["failed", "cancelled"], "past_max_age": True},
    )

    verb: Literal["replay"]
    code: StrictStr | None = Field(None, examples=["smtp_451"], description="Of the last outcome.")
    states: list[Literal["failed", "suppressed", "cancelled"]] | None = Field(
        None, min_length=1, description="Left out: failed."
    )
    past_max_age: StrictBool = Field(
        False, description="Also what is older than its type's max_age, which counts anew."
    )


class Cancel(_Chosen):
    """Of what waits, or is being sent. `since` and `until`: when it was made."""

    model_config = such_as(
        {"verb": "cancel", "recipient": "bob"},
        {"verb": "cancel", "channel": "email", "since": "2026-01-01T00:00:00Z"},
    )

    verb: Literal["cancel"]
    lane: StrictStr | None = None


Selection = Annotated[Replay | Cancel, Field(discriminator="verb")]


class Apply(Body):
    model_config = such_as({"number": 17})

    number: StrictInt = Field(description="Of the selection's members, as it was shown.")


class ToPause(Body):
    model_config = such_as(
        {"until": "2099-01-01T00:00:00Z", "because": "the relay is moved"},
        {"until": "2099-01-01T00:00:00Z", "lane": "acme"},
    )

    until: AwareDatetime
    because: StrictStr | None = Field(None, examples=["the relay is moved"])
    lane: StrictStr = Field("", description="Of the channel; left out: all of it.")


class ToResume(Body):
    model_config = such_as({}, {"lane": "acme"})

    lane: StrictStr = ""


class TryOut(Body):
    """To an address of this channel, or to a recipient's; of a type with a sample, or a few words."""

    model_config = such_as({"address": "ops@acme.test"}, {"recipient": "bob", "type": "cl.merged"})

    address: StrictStr | None = Field(None, examples=["ops@acme.test"])
    recipient: StrictStr | None = None
    type: StrictStr | None = None


class ToSilence(Body):
    """`matches`: all of it must be so; a `*` at the end stands for any rest."""

    model_config = such_as(
        {
            "matches": {"type": "ci.*", "below": "urgent"},
            "comment": "the builds are moved",
            "until": "2099-01-01T00:00:00Z",
        },
        {
            "matches": {"subject": "cl/42", "channel": "email"},
            "comment": "it is known",
            "starts": "2098-12-31T00:00:00Z",
            "until": "2099-01-01T00:00:00Z",
        },
    )

    matches: dict[str, Any] = Field(examples=[{"type": "ci.*", "below": "urgent"}])
    comment: StrictStr
    until: AwareDatetime
    starts: AwareDatetime | None = None


class NewKey(Body):
    model_config = such_as(
        {
            "name": "the shop's backend",
            "scopes": ["events:write", "recipients:write"],
            "expires_at": "2099-01-01T00:00:00Z",
        }
    )

    name: StrictStr = Field(examples=["the shop's backend"])
    scopes: list[StrictStr] = Field(min_length=1, examples=[["events:write"]])
    expires_at: AwareDatetime | None = None
