"""What machines report: checks, workflows, commit statuses and deployments."""

from __future__ import annotations

from collections.abc import Mapping

from clarion.sources.github.conversations import team_topic
from clarion.sources.github.webhook import Emission, Webhook, audience, emission, topic_of

_VERDICTS = {
    "success": "github.check.succeeded",
    "failure": "github.check.failed",
    "error": "github.check.failed",
    "timed_out": "github.check.failed",
    "startup_failure": "github.check.failed",
    "action_required": "github.check.failed",
}
_DEPLOYED = {
    "success": "github.deployment.succeeded",
    "failure": "github.deployment.failed",
    "error": "github.deployment.failed",
}


def check(hook: Webhook) -> list[Emission]:
    """`check_run`, `check_suite` and `workflow_run`, once they are completed.

    GitHub Actions reports one failure in all three: subscribe the webhook to one of them.
    """
    path = hook.name
    code = _VERDICTS.get(hook.maybe(f"{path}.conclusion"))
    if hook.action != "completed" or code is None:
        return []
    sha = hook.text(f"{path}.head_sha")
    name = hook.maybe(f"{path}.name") or hook.maybe(f"{path}.app.name") or hook.maybe("workflow.name")
    branch = hook.maybe(f"{path}.head_branch") or hook.maybe(f"{path}.check_suite.head_branch")
    return [
        _verdict(
            hook,
            code,
            name=name or "A check",
            sha=sha,
            verdict=hook.text(f"{path}.conclusion"),
            text=hook.maybe(f"{path}.output.title") or hook.maybe(f"{path}.head_commit.message"),
            url=hook.maybe(f"{path}.html_url") or f"{hook.maybe('repository.html_url')}/commit/{sha}",
            pull_request=_pull_request(hook, f"{path}.pull_requests"),
            people=hook.people(f"{path}.triggering_actor", f"{path}.actor") or hook.people("sender"),
            branch=branch,
        )
    ]


def status(hook: Webhook) -> list[Emission]:
    state = hook.text("state")
    code = _VERDICTS.get(state)
    if code is None:
        return []
    return [
        _verdict(
            hook,
            code,
            name=hook.text("context"),
            sha=hook.text("sha"),
            verdict=state,
            text=hook.maybe("description"),
            url=hook.maybe("target_url") or hook.maybe("commit.html_url"),
            people=hook.people("commit.author"),
        )
    ]


def _verdict(
    hook: Webhook,
    code: str,
    *,
    name: str,
    sha: str,
    verdict: str,
    text: str,
    url: str,
    people: list[str],
    pull_request: int | None = None,
    branch: str = "",
) -> Emission:
    commit = f"{hook.repository}@{sha}"
    on = f"#{pull_request}" if pull_request else branch or sha[:7]
    said = "succeeded" if verdict == "success" else verdict.replace("_", " ")
    if verdict in {"failure", "error"}:
        said = "failed"
    return emission(
        hook,
        code,
        subject=commit,
        thread=f"{hook.repository}#{pull_request}" if pull_request else commit,
        title=f"{name[:100]} {said} on {on[:60]}",
        text=text,
        url=url,
        to=audience(("author", people)),
        topic=topic_of(hook.repository),
        facts={
            "subject_name": f"{hook.repository}@{sha[:7]}",
            "check": name,
            "commit": sha,
            "branch": branch or None,
            "conclusion": verdict,
            "number": pull_request,
        },
    )


def _pull_request(hook: Webhook, path: str) -> int | None:
    for pull_request in hook.many(path):
        number = pull_request.get("number") if isinstance(pull_request, Mapping) else None
        if not isinstance(number, int):
            raise hook.malformed(f"{path}.number", "a number", number)
        return number
    return None


def deployment_status(hook: Webhook) -> list[Emission]:
    state = hook.text("deployment_status.state")
    code = _DEPLOYED.get(state)
    if code is None:
        return []
    sha, environment = hook.text("deployment.sha"), hook.text("deployment.environment")
    said = "failed" if code.endswith("failed") else "succeeded"
    commit = f"{hook.repository}@{sha}"
    return [
        emission(
            hook,
            code,
            subject=commit,
            thread=commit,
            title=f"Deployment to {environment[:100]} {said}",
            text=hook.maybe("deployment_status.description"),
            url=hook.maybe("deployment_status.target_url"),
            to=audience(("author", hook.people("deployment.creator"))),
            topic=topic_of(hook.repository),
            facts={
                "subject_name": f"{hook.repository}@{sha[:7]}",
                "commit": sha,
                "environment": environment,
                "state": state,
            },
        )
    ]


def deployment_review(hook: Webhook) -> list[Emission]:
    """The first team asked is told by its topic: an event has one."""
    if hook.action != "requested":
        return []
    run, environment = hook.number("workflow_run.id"), hook.text("environment")
    people: list[str] = []
    topic = None
    for place, asked in enumerate(hook.many("reviewers")):
        one = Webhook(name=hook.name, payload={**hook.payload, "reviewers": asked})
        if one.maybe("reviewers.type") == "Team":
            topic = topic or team_topic(one, "reviewers.reviewer")
        elif one.find("reviewers.reviewer"):
            people += one.people("reviewers.reviewer")
        else:
            raise hook.malformed(f"reviewers[{place}].reviewer", "an object", None)
    subject = f"{hook.repository}/actions/runs/{run}"
    return [
        emission(
            hook,
            "github.deployment.review_requested",
            subject=subject,
            thread=subject,
            title=f"Deployment to {environment[:100]} waits for approval",
            text=hook.maybe("workflow_run.display_title"),
            url=hook.text("workflow_run.html_url"),
            to=audience(("reviewer", people)),
            topic=topic,
            facts={"environment": environment},
        )
    ]
