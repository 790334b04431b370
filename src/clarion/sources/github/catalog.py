"""The event types that GitHub's webhooks become, as data, and their declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from clarion.event_type import AccessCheck
from clarion.policy import Policy

_BOTH = ("inbox", "email")
_INBOX = ("inbox",)

# The account that GitHub names as sender is often no author: it pushed what a machine then checked, or it
# is the one whose access changed. It is told as well.
_TELL_ACTOR = Policy(tell_actor=True)


def _type(category: str, description: str, **options: Any) -> dict[str, Any]:
    return {"category": category, "description": description, "channels": _BOTH, **options}


TYPES: Mapping[str, Mapping[str, Any]] = {
    "github.comment.created": _type("comments", "New comment"),
    "github.mention.added": _type("comments", "You were mentioned in an edited text"),
    "github.review.requested": _type("reviews", "Your review is requested", severity="action"),
    "github.review.submitted": _type("reviews", "Review submitted"),
    "github.review.dismissed": _type("reviews", "Review dismissed"),
    "github.issue.assigned": _type("issues", "Issue assigned to you", severity="action"),
    "github.issue.opened": _type("issues", "Issue opened"),
    "github.issue.closed": _type("issues", "Issue closed", channels=_INBOX),
    "github.issue.reopened": _type("issues", "Issue reopened"),
    "github.pull_request.assigned": _type("pull_requests", "Pull request assigned to you", severity="action"),
    "github.pull_request.opened": _type("pull_requests", "Pull request opened"),
    "github.pull_request.ready": _type("pull_requests", "Pull request ready for review"),
    "github.pull_request.merged": _type("pull_requests", "Pull request merged"),
    "github.pull_request.closed": _type("pull_requests", "Pull request closed", channels=_INBOX),
    "github.pull_request.reopened": _type("pull_requests", "Pull request reopened"),
    "github.discussion.created": _type("discussions", "Discussion started"),
    "github.discussion.answered": _type("discussions", "Discussion answered"),
    "github.check.failed": _type("checks", "Checks failed", severity="action", policy=_TELL_ACTOR),
    "github.check.succeeded": _type(
        "checks", "Checks succeeded", channels=_INBOX, enabled=False, policy=_TELL_ACTOR
    ),
    "github.deployment.failed": _type(
        "deployments", "Deployment failed", severity="action", policy=_TELL_ACTOR
    ),
    "github.deployment.succeeded": _type(
        "deployments", "Deployment succeeded", channels=_INBOX, policy=_TELL_ACTOR
    ),
    "github.deployment.review_requested": _type(
        "deployments", "Deployment waits for your approval", severity="action"
    ),
    "github.release.published": _type("releases", "Release published"),
    "github.package.published": _type("releases", "Package published", channels=_INBOX),
    "github.repository.changed": _type("repository", "Repository changed", severity="warning"),
    "github.security.critical": _type(
        "security", "Critical security alert", severity="urgent", required=True, policy=_TELL_ACTOR
    ),
    "github.security.alert": _type("security", "Security alert", severity="warning", policy=_TELL_ACTOR),
    "github.security.resolved": _type(
        "security", "Security alert resolved", channels=_INBOX, policy=_TELL_ACTOR
    ),
    "github.security.advisory": _type("security", "Security advisory published", severity="warning"),
    "github.branch_protection.changed": _type(
        "security", "Branch protection changed", severity="warning", policy=_TELL_ACTOR
    ),
    "github.access.invited": _type("access", "Invitation to an organization", severity="action"),
    "github.access.granted": _type("access", "Access granted", policy=_TELL_ACTOR),
    "github.access.changed": _type("access", "Access changed", severity="warning", policy=_TELL_ACTOR),
    "github.access.revoked": _type("access", "Access revoked", severity="warning", policy=_TELL_ACTOR),
}


class Declares(Protocol):
    """What `declare` needs of a `Clarion`."""

    def type(self, code: str, **options: Any) -> object: ...


def declare(clarion: Declares, *, access: AccessCheck | None = None) -> None:
    """Declares every type of `TYPES`.

    `access` says who may see what is in private repositories (`event.data["private"]`). It is not asked
    about the category `access`, whose news are for those who have just lost it, too.
    """
    for code, options in TYPES.items():
        guarded = {} if access is None or options["category"] == "access" else {"access": access}
        clarion.type(code, **options, **guarded)
