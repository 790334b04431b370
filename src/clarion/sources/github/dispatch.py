"""Which function reads which webhook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clarion.errors import InvalidInput
from clarion.sources.github import conversations, machines, repositories, security
from clarion.sources.github.webhook import Emission, Webhook

HANDLERS: Mapping[str, Callable[[Webhook], list[Emission]]] = {
    "branch_protection_rule": security.branch_protection_rule,
    "check_run": machines.check,
    "check_suite": machines.check,
    "code_scanning_alert": security.code_scanning_alert,
    "commit_comment": conversations.commit_comment,
    "dependabot_alert": security.dependabot_alert,
    "deployment_review": machines.deployment_review,
    "deployment_status": machines.deployment_status,
    "discussion": conversations.discussion,
    "discussion_comment": conversations.comment,
    "issue_comment": conversations.comment,
    "issues": conversations.issues,
    "member": repositories.member,
    "membership": repositories.membership,
    "organization": repositories.organization,
    "package": repositories.package,
    "pull_request": conversations.pull_request,
    "pull_request_review": conversations.review,
    "pull_request_review_comment": conversations.comment,
    "release": repositories.release,
    "repository": repositories.repository,
    "repository_vulnerability_alert": security.repository_vulnerability_alert,
    "secret_scanning_alert": security.secret_scanning_alert,
    "security_advisory": security.security_advisory,
    "status": machines.status,
    "workflow_run": machines.check,
}


def events(name: str, payload: Mapping[str, Any], *, delivery: str | None = None) -> list[Emission]:
    """The event types and fields to emit for the webhook `name` (X-GitHub-Event): none if it concerns nobody.

    `delivery` is X-GitHub-Delivery. Raises `InvalidInput`, naming the webhook and the field, where a known
    webhook lacks what GitHub always sends.
    """
    handler = HANDLERS.get(name)
    if handler is None:
        return []
    if not isinstance(payload, Mapping):
        raise InvalidInput(f"GitHub webhook {name!r}: the payload must be an object, got {payload!r:.40}")
    return handler(Webhook(name=name, payload=payload, delivery=delivery))
