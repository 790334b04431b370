"""What requests carry. Names and kinds are checked here; what may stand where, the library says.

What is left out stays as it is; null is unsaid again.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictStr


def such_as(*examples: dict[str, Any]) -> ConfigDict:
    """Whole bodies, for the description of the API: tests send each of them, and it must be taken."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def said(self) -> dict[str, Any]:
        """What was given, and nothing else."""
        return self.model_dump(exclude_unset=True)


class EventBody(Body):
    """One event. Read by `event_body`, which is quicker; this is how it is documented."""

    model_config = such_as(
        {
            "type": "cl.merged",
            "actor": "alice",
            "subject": "cl/42",
            "to": {"author": ["bob"]},
            "key": "cl/42/merged",
            "data": {"title": "Merged"},
        },
        {
            "type": "ci.broken",
            "to": [{"everyone": True}],
            "condition": "build/main/broken",
            "severity": "urgent",
            "expires_at": "2099-01-01T00:00:00Z",
        },
    )

    type: str = Field(examples=["cl.merged"], description="A declared event type.")
    actor: str | None = Field(None, examples=["alice"])
    subject: str | None = Field(None, examples=["cl/42"])
    thread: str | None = None
    to: list[Any] | dict[str, list[Any]] | None = Field(
        None,
        examples=[{"author": ["bob"]}],
        description="Recipients' ids, `{channel, value, locale}`, `{role}`, `{active: seconds}` or `{everyone: true}`; "
        "by reason, or as a list of those who are told directly.",
    )
    topic: str | None = None
    severity: str | None = Field(None, examples=["action"])
    key: str | None = Field(None, description="Sent again with the same body, it is the same event.")
    condition: str | None = None
    tags: list[str] | None = None
    channels: list[str] | None = Field(None, description="These of the type's channels, and no others.")
    data: dict[str, Any] | None = Field(None, examples=[{"title": "Merged"}])
    url: str | None = None
    at: AwareDatetime | None = Field(None, description="When it is due to be told.")
    expires_at: AwareDatetime | None = None
    correlation_id: str | None = None


class Events(Body):
    """Many events: stored together, or none of them."""

    model_config = such_as(
        {"events": [{"type": "cl.merged", "to": ["bob"]}, {"type": "cl.merged", "to": ["carol"]}]}
    )

    events: list[EventBody] = Field(min_length=1)


class Move(Body):
    model_config = such_as({"at": "2026-06-01T09:00:00Z"})

    at: AwareDatetime


class Resolve(Body):
    model_config = such_as({"condition": "build/main/broken"})

    condition: StrictStr = Field(examples=["build/main/broken"])


class Withdraw(Body):
    """All about a subject; for everybody, or for one recipient who may no longer see it."""

    model_config = such_as({"subject": "cl/42"}, {"subject": "cl/42", "recipient": "bob"})

    subject: StrictStr = Field(examples=["cl/42"])
    recipient: StrictStr | None = None


class Preference(Body):
    """What is said of `type:…`, `category:…` or `*`, on one channel or all (`*`)."""

    scope: StrictStr = Field(examples=["category:reviews"])
    channel: StrictStr = "*"
    enabled: StrictBool | None = None
    channels: list[StrictStr] | None = None
    min_severity: StrictStr | None = None
    mode: StrictStr | None = Field(
        None, examples=["now"], description="`digest` is kept, and like `now` until there are digests."
    )


class Topic(Body):
    """What is said of a topic, a thread or a subject. `muted`: for good, or not at all."""

    topic: StrictStr = Field(examples=["cl/42"])
    subscribed: StrictBool = False
    level: StrictStr | None = Field(None, examples=["mentions"])
    muted: StrictBool = False
    muted_until: AwareDatetime | None = None
    reason: StrictStr | None = None


class Choices(Body):
    """All that a recipient may say, in part: everything of it is written, or nothing."""

    model_config = such_as(
        {
            "time_zone": "Europe/Paris",
            "quiet_hours": {"daily": ["22:00-07:00"], "passes": "urgent"},
            "preferences": [{"scope": "category:reviews", "channel": "email", "enabled": False}],
            "topics": [{"topic": "cl/42", "subscribed": True}],
        },
        {"enabled": False, "silent_until": "2099-01-01T09:00:00Z"},
        {"enabled": True, "silent_until": None, "tags": {"include": ["team:*"], "exclude": ["noise"]}},
    )

    enabled: StrictBool = Field(True, description="The global switch: off leaves required types only.")
    time_zone: StrictStr | None = Field(None, examples=["Europe/Paris"])
    quiet_hours: dict[str, Any] | None = Field(
        None, examples=[{"daily": ["22:00-07:00"], "passes": "urgent"}]
    )
    tags: dict[str, Any] | None = Field(None, examples=[{"include": ["team:*"], "exclude": ["noise"]}])
    silent_until: AwareDatetime | None = None
    preferences: Annotated[list[Preference], Field(max_length=1000)] = []
    topics: Annotated[list[Topic], Field(max_length=1000)] = []


class Silence(Body):
    model_config = such_as({"until": "2099-01-01T09:00:00Z"}, {})

    until: AwareDatetime | None = Field(None, description="Left out: until `DELETE`.")


class Recipient(Body):
    """What the application knows of a recipient."""

    model_config = such_as(
        {
            "name": "Bob",
            "locale": "fr",
            "time_zone": "Europe/Paris",
            "addresses": {"email": "bob@acme.test"},
            "roles": ["reviewer"],
        },
    )

    name: StrictStr | None = None
    locale: StrictStr | None = Field(None, examples=["fr"])
    time_zone: StrictStr | None = Field(None, examples=["Europe/Paris"])
    active: StrictBool = True
    addresses: dict[StrictStr, StrictStr | list[StrictStr]] = Field(
        default_factory=dict, examples=[{"email": "bob@acme.test"}]
    )
    roles: list[StrictStr] = []


class Written(Recipient):
    """The same, with what they said themselves, as when they come from elsewhere."""

    model_config = such_as(
        {
            "id": "bob",
            "addresses": {"email": ["bob@acme.test", "bob@home.test"]},
            "preferences": [{"scope": "type:cl.merged", "enabled": True}],
        }
    )

    id: StrictStr = Field(examples=["bob"])
    enabled: StrictBool = True
    quiet_hours: dict[str, Any] | None = None
    tags: dict[str, Any] | None = None
    preferences: list[Preference] = []


class Recipients(Body):
    model_config = such_as(
        {
            "recipients": [
                {"id": "bob", "name": "Bob", "addresses": {"email": "bob@acme.test"}},
                {"id": "carol"},
            ]
        }
    )

    recipients: Annotated[list[Written], Field(min_length=1, max_length=1000)]


class SignIn(Body):
    model_config = such_as({"key": "clk_…"})

    key: StrictStr = Field(examples=["clk_…"], description="A key with the scope `observe` or `operate`.")
