"""Security: alerts about a repository's dependencies, code and secrets, advisories, branch protection.

GitHub shows alerts to maintainers only, whoever watches the repository. So these have a topic of their
own, `github:owner/repo/security`, and are told to the owner where that is a person.
"""

from __future__ import annotations

from clarion.severity import Severity
from clarion.sources.github.webhook import Emission, Webhook, audience, emission, topic_of

ADVISORIES_TOPIC = "github:advisories"

_SEVERITIES = {
    "none": Severity.INFO,
    "note": Severity.INFO,
    "low": Severity.INFO,
    "moderate": Severity.WARNING,
    "medium": Severity.WARNING,
    "warning": Severity.WARNING,
    "high": Severity.ACTION,
    "error": Severity.ACTION,
    "critical": Severity.URGENT,
}
_OPENS = {"create", "created", "reopen", "reopened", "reopened_by_user", "auto_reopened", "reintroduced"}
_OPENS_SECRET = {"created", "reopened", "publicly_leaked"}
_RESOLVES = {"fixed", "dismiss", "dismissed", "auto_dismissed", "closed_by_user", "resolve", "resolved"}


def dependabot_alert(hook: Webhook) -> list[Emission]:
    level = hook.text("alert.security_advisory.severity")
    package = hook.text("alert.security_vulnerability.package.name")
    return _alert(
        hook,
        kind="dependabot",
        number=hook.number("alert.number"),
        level=level,
        title=f"{level.capitalize()} severity vulnerability in {package}",
        text=hook.text("alert.security_advisory.summary"),
        facts={"package": package, "advisory": hook.text("alert.security_advisory.ghsa_id")},
    )


def repository_vulnerability_alert(hook: Webhook) -> list[Emission]:
    """What Dependabot's alerts were called before; the oldest have an id and no number."""
    level, package = hook.text("alert.severity"), hook.text("alert.affected_package_name")
    number = hook.number("alert.id" if hook.find("alert.number") is None else "alert.number")
    return _alert(
        hook,
        kind="dependabot",
        number=number,
        level=level,
        title=f"{level.capitalize()} severity vulnerability in {package}",
        text=f"{package} {hook.text('alert.affected_range')}: {hook.text('alert.external_identifier')}",
        facts={"package": package, "advisory": hook.maybe("alert.ghsa_id")},
    )


def code_scanning_alert(hook: Webhook) -> list[Emission]:
    level = hook.maybe("alert.rule.security_severity_level") or hook.maybe("alert.rule.severity") or "none"
    return _alert(
        hook,
        kind="code-scanning",
        number=hook.number("alert.number"),
        level=level,
        title=f"{hook.text('alert.tool.name')[:60]}: {hook.text('alert.rule.description')}",
        text=hook.maybe("alert.rule.full_description"),
        facts={"tool": hook.text("alert.tool.name"), "rule": hook.text("alert.rule.id")},
    )


def secret_scanning_alert(hook: Webhook) -> list[Emission]:
    """A leaked secret is always critical: whoever reads the repository can use it now."""
    kind = hook.maybe("alert.secret_type_display_name") or hook.text("alert.secret_type")
    return _alert(
        hook,
        kind="secret-scanning",
        number=hook.number("alert.number"),
        level="critical",
        title=f"Secret found: {kind}",
        text="Revoke it first, then remove it.",
        facts={"secret_type": kind},
        opens=_OPENS_SECRET,
    )


def _alert(
    hook: Webhook,
    *,
    kind: str,
    number: int,
    level: str,
    title: str,
    text: str,
    facts: dict[str, object],
    opens: set[str] = _OPENS,
) -> list[Emission]:
    severity: Severity | None = _SEVERITIES.get(level, Severity.WARNING)
    if hook.action in opens:
        code = "github.security.critical" if severity is Severity.URGENT else "github.security.alert"
    elif hook.action in _RESOLVES:
        code, title, severity = "github.security.resolved", f"Resolved: {title}", None
    else:
        return []
    subject = f"{hook.repository}/{kind}/{number}"
    page = f"{hook.text('repository.html_url')}/security/{kind}"
    if hook.find("alert.number") is not None:
        page += f"/{number}"
    return [
        emission(
            hook,
            code,
            subject=subject,
            thread=subject,
            title=title,
            text=text,
            url=hook.maybe("alert.html_url") or page,
            to=audience(("owner", hook.people("repository.owner"))),
            topic=_topic(hook),
            severity=severity,
            facts={"number": number, "level": level, **facts},
        )
    ]


def security_advisory(hook: Webhook) -> list[Emission]:
    """Of GitHub's public database, about no repository: subscribe to `github:advisories`."""
    if hook.action != "published":
        return []
    advisory = hook.text("security_advisory.ghsa_id")
    level = hook.text("security_advisory.severity")
    return [
        emission(
            hook,
            "github.security.advisory",
            subject=advisory,
            thread=advisory,
            title=hook.text("security_advisory.summary"),
            text=hook.maybe("security_advisory.description"),
            url=hook.maybe("security_advisory.html_url") or f"https://github.com/advisories/{advisory}",
            topic=ADVISORIES_TOPIC,
            severity=_SEVERITIES.get(level, Severity.WARNING),
            facts={"advisory": advisory, "level": level},
        )
    ]


def branch_protection_rule(hook: Webhook) -> list[Emission]:
    if hook.action not in {"created", "edited", "deleted"}:
        return []
    rule = hook.text("rule.name")
    subject = f"{hook.repository}/branch-protection/{hook.number('rule.id')}"
    return [
        emission(
            hook,
            "github.branch_protection.changed",
            subject=subject,
            thread=subject,
            title=f"{hook.who} {hook.action} the branch protection of {rule}",
            url=f"{hook.text('repository.html_url')}/settings/branches",
            to=audience(("owner", hook.people("repository.owner"))),
            topic=_topic(hook),
            facts={"branch": rule},
        )
    ]


def _topic(hook: Webhook) -> str:
    return f"{topic_of(hook.repository)}/security"
