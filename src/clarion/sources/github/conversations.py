"""Issues, pull requests, discussions, and the comments and reviews in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from clarion.severity import Severity
from clarion.sources.github.mentions import mentions
from clarion.sources.github.webhook import (
    GHOST,
    Emission,
    Webhook,
    audience,
    emission,
    labels,
    topic_of,
)

_ISSUE = {"opened": "opened", "closed": "closed", "reopened": "reopened"}
_PULL_REQUEST = {
    "opened": ("opened", "opened"),
    "ready_for_review": ("ready", "opened for review"),
    "closed": ("closed", "closed"),
    "reopened": ("reopened", "reopened"),
}
_REVIEW = {"approved": "approved", "changes_requested": "requested changes on"}
_HOLDS_COMMENTS = {
    "issue_comment": "issue",
    "pull_request_review_comment": "pull_request",
    "discussion_comment": "discussion",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """The issue, pull request or discussion at `path` of a webhook."""

    hook: Webhook
    path: str
    number: int = field(init=False)
    title: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", self.hook.number(f"{self.path}.number"))
        object.__setattr__(self, "title", self.hook.text(f"{self.path}.title"))

    @property
    def name(self) -> str:
        """GitHub numbers issues, pull requests and discussions of a repository in one sequence."""
        return f"{self.hook.repository}#{self.number}"

    @property
    def body(self) -> str:
        return self.hook.maybe(f"{self.path}.body")

    def audience(self, text: str, *, participants: tuple[str, ...] = ()) -> dict[str, list[str]]:
        """Who is told of `text`, written in this conversation; whom its opening named takes part in it."""
        return audience(
            ("mention", mentions(text)),
            ("assigned", self.hook.people(f"{self.path}.assignees")),
            ("reviewer", self.hook.people(f"{self.path}.requested_reviewers")),
            ("author", self.hook.people(f"{self.path}.user")),
            ("participant", [*self.hook.people(*participants), *mentions(self.body)]),
        )

    def emission(
        self,
        code: str,
        did: str,
        *,
        to: dict[str, list[str]],
        text: str = "",
        url: str = "",
        topic: str | None = None,
        severity: Severity | None = None,
        facts: dict[str, object] | None = None,
    ) -> Emission:
        return emission(
            self.hook,
            code,
            subject=self.name,
            thread=self.name,
            title=f"{self.hook.who} {did} #{self.number} {self.title}",
            text=text,
            url=url or self.hook.text(f"{self.path}.html_url"),
            to=to,
            topic=topic,
            severity=severity,
            tags=labels(self.hook, f"{self.path}.labels"),
            facts={
                "number": self.number,
                "subject_name": f"#{self.number} {self.title}",
                "author": self.hook.maybe(f"{self.path}.user.login") or GHOST,
                **(facts or {}),
            },
        )


def issues(hook: Webhook) -> list[Emission]:
    about = Conversation(hook, "issue")
    action = hook.action
    if action == "edited":
        return _newly_mentioned(about, "issue")
    if action == "assigned":
        return _assigned(about, "github.issue.assigned")
    if action not in _ISSUE:
        return []
    text = about.body if action == "opened" else ""
    code = f"github.issue.{_ISSUE[action]}"
    return [_told(about, code, _ISSUE[action], text)]


def pull_request(hook: Webhook) -> list[Emission]:
    about = Conversation(hook, "pull_request")
    action = hook.action
    if action == "edited":
        return _newly_mentioned(about, "pull_request")
    if action == "assigned":
        return _assigned(about, "github.pull_request.assigned")
    if action == "review_requested":
        return _review_requested(about)
    if action not in _PULL_REQUEST:
        return []
    state, did = _PULL_REQUEST[action]
    if action == "closed" and hook.find("pull_request.merged"):
        state = did = "merged"
    text = about.body if action == "opened" else ""
    return [_told(about, f"github.pull_request.{state}", did, text, participants=("pull_request.merged_by",))]


def discussion(hook: Webhook) -> list[Emission]:
    about = Conversation(hook, "discussion")
    match hook.action:
        case "created":
            return [_told(about, "github.discussion.created", "started", about.body)]
        case "answered":
            text, url = hook.maybe("answer.body"), hook.maybe("answer.html_url")
            return [
                _told(
                    about,
                    "github.discussion.answered",
                    "chose the answer to",
                    text,
                    url=url,
                    participants=("answer.user",),
                    mentioning=False,
                )
            ]
        case "edited":
            return _newly_mentioned(about, "discussion")
    return []


def comment(hook: Webhook) -> list[Emission]:
    about = Conversation(hook, _HOLDS_COMMENTS[hook.name])
    if hook.action == "edited":
        return _newly_mentioned(about, "comment")
    if hook.action != "created":
        return []
    text, url = hook.text("comment.body"), hook.text("comment.html_url")
    return [_told(about, "github.comment.created", "commented on", text, url=url)]


def commit_comment(hook: Webhook) -> list[Emission]:
    if hook.action != "created":
        return []
    sha, text = hook.text("comment.commit_id"), hook.text("comment.body")
    commit = f"{hook.repository}@{sha}"
    return [
        emission(
            hook,
            "github.comment.created",
            subject=commit,
            thread=commit,
            title=f"{hook.who} commented on commit {sha[:7]}",
            text=text,
            url=hook.text("comment.html_url"),
            to=audience(("mention", mentions(text))),
            topic=topic_of(hook.repository),
            facts={"subject_name": f"{hook.repository}@{sha[:7]}", "commit": sha},
        )
    ]


def review(hook: Webhook) -> list[Emission]:
    about = Conversation(hook, "pull_request")
    state, text, url = hook.text("review.state"), hook.maybe("review.body"), hook.text("review.html_url")
    match hook.action:
        case "submitted":
            severity = Severity.ACTION if state == "changes_requested" else None
            return [
                _told(
                    about,
                    "github.review.submitted",
                    _REVIEW.get(state, "reviewed"),
                    text,
                    url=url,
                    severity=severity,
                    facts={"state": state},
                )
            ]
        case "dismissed":
            to = audience(
                ("reviewer", hook.people("review.user")), ("author", hook.people("pull_request.user"))
            )
            return [about.emission("github.review.dismissed", "dismissed a review of", to=to, url=url)]
        case "edited":
            return _newly_mentioned(about, "review")
    return []


def _told(
    about: Conversation,
    code: str,
    did: str,
    text: str,
    *,
    url: str = "",
    participants: tuple[str, ...] = (),
    mentioning: bool = True,
    severity: Severity | None = None,
    facts: dict[str, object] | None = None,
) -> Emission:
    """Told to those whom it concerns, and to all who watch the repository."""
    to = about.audience(text if mentioning else "", participants=participants)
    topic = topic_of(about.hook.repository)
    return about.emission(code, did, to=to, text=text, url=url, topic=topic, severity=severity, facts=facts)


def _assigned(about: Conversation, code: str) -> list[Emission]:
    """Of the assigned alone: those who watch see it in the list."""
    to = audience(("assigned", about.hook.people("assignee")))
    return [about.emission(code, "assigned you to", to=to, text=about.body)] if to else []


def _review_requested(about: Conversation) -> list[Emission]:
    """A team is told by its topic, `github:@acme/core`."""
    hook = about.hook
    to = audience(("reviewer", hook.people("requested_reviewer")))
    topic = team_topic(hook, "requested_team") if hook.find("requested_team") else None
    if not to and topic is None:
        return []
    did = "requested a review of"
    return [about.emission("github.review.requested", did, to=to, text=about.body, topic=topic)]


def team_topic(hook: Webhook, path: str) -> str:
    """What the people of the team at `path` subscribe to: `github:@acme/core`."""
    organization = hook.maybe("organization.login") or hook.text("repository.owner.login")
    return f"github:@{organization}/{hook.text(f'{path}.slug')}".lower()


def _newly_mentioned(about: Conversation, path: str) -> list[Emission]:
    """An edit is told to those only whom the text did not name before."""
    before = about.hook.find("changes.body.from")
    if not isinstance(before, str):
        return []
    text = about.hook.maybe(f"{path}.body")
    old = mentions(before)
    to = audience(("mention", [login for login in mentions(text) if login not in old]))
    url = about.hook.text(f"{path}.html_url")
    did = "mentioned you in"
    return [about.emission("github.mention.added", did, to=to, text=text, url=url)] if to else []
