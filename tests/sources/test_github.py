"""Webhooks of GitHub become events: the real payloads of the demo, and variations of them."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest

from clarion import event, event_type
from clarion.demo.payloads import payloads
from clarion.errors import InvalidInput
from clarion.event import EventFields
from clarion.severity import Severity
from clarion.sources import github

REPO = "Codertocat/Hello-World"
TOPIC = "github:codertocat/hello-world"
README = "Update the README with new information."
SPELLING = "Spelling error in the README file"


def real(name: str, action: str | None = None, nth: int = 0) -> dict[str, Any]:
    """The nth payload of this name and action, to alter at will."""
    found = [one for one in payloads() if one.name == name and one.payload.get("action") == action]
    return copy.deepcopy(dict(found[nth].payload))


def put(payload: dict[str, Any], **values: Any) -> dict[str, Any]:
    """`payload` with these values: `comment__body="…"` sets `payload["comment"]["body"]`."""
    for path, value in values.items():
        *above, last = path.split("__")
        place = payload
        for step in above:
            place = place.setdefault(step, {})
        place[last] = value
    return payload


def one(name: str, payload: dict[str, Any]) -> tuple[str, EventFields]:
    [emission] = github.events(name, payload)
    event.make(*emission)
    return emission


def account(login: str, kind: str = "User") -> dict[str, Any]:
    return {"login": login, "type": kind}


# name, action, nth of the demo's → type, subject, to, topic, title
EXPECTED = [
    ("issues", "opened", 0, "issue.opened", f"{REPO}#1", {"assigned": ["codertocat"]}, TOPIC, f"Codertocat opened #1 {SPELLING}"),
    ("issues", "reopened", 0, "issue.reopened", f"{REPO}#1", {"assigned": ["codertocat"]}, TOPIC, f"Codertocat reopened #1 {SPELLING}"),
    ("issues", "assigned", 0, "issue.assigned", f"{REPO}#1", {"assigned": ["codertocat"]}, None, f"Codertocat assigned you to #1 {SPELLING}"),
    ("issue_comment", "created", 0, "comment.created", f"{REPO}#1", {"assigned": ["codertocat"]}, TOPIC, f"Codertocat commented on #1 {SPELLING}"),
    ("commit_comment", "created", 0, "comment.created", f"{REPO}@6113728f27ae82c7b1a177c8d03f9e96e0adf246", None, TOPIC, "Codertocat commented on commit 6113728"),
    ("discussion", "created", 1, "discussion.created", f"{REPO}#4", {"author": ["codertocat"]}, TOPIC, "Codertocat started #4 TEST edit"),
    ("discussion", "answered", 0, "discussion.answered", f"{REPO}#4", {"author": ["codertocat"], "participant": ["dan2wik"]}, TOPIC, "Codertocat chose the answer to #4 TEST edit"),
    ("discussion_comment", "created", 0, "comment.created", "octo-org/octo-repo#90", {"author": ["codertocat"]}, "github:octo-org/octo-repo", "Codertocat commented on #90 Welcome to discussions!"),
    ("pull_request", "opened", 0, "pull_request.opened", f"{REPO}#2", {"author": ["codertocat"]}, TOPIC, f"Codertocat opened #2 {README}"),
    ("pull_request", "ready_for_review", 0, "pull_request.ready", f"{REPO}#2", {"assigned": ["codertocat"], "reviewer": ["octocat"]}, TOPIC, f"Codertocat opened for review #2 {README}"),
    ("pull_request", "closed", 0, "pull_request.closed", f"{REPO}#2", {"assigned": ["codertocat"], "reviewer": ["octocat"]}, TOPIC, f"Codertocat closed #2 {README}"),
    ("pull_request", "assigned", 0, "pull_request.assigned", f"{REPO}#2", {"assigned": ["codertocat"]}, None, f"Codertocat assigned you to #2 {README}"),
    ("pull_request", "review_requested", 0, "review.requested", f"{REPO}#2", {"reviewer": ["octocat"]}, None, f"Codertocat requested a review of #2 {README}"),
    ("pull_request_review", "submitted", 0, "review.submitted", f"{REPO}#2", {"author": ["codertocat"]}, TOPIC, f"Codertocat reviewed #2 {README}"),
    ("pull_request_review", "dismissed", 0, "review.dismissed", f"{REPO}#2", {"reviewer": ["codertocat"]}, None, f"Codertocat dismissed a review of #2 {README}"),
    ("pull_request_review_comment", "created", 0, "comment.created", f"{REPO}#2", {"author": ["codertocat"]}, TOPIC, f"Codertocat commented on #2 {README}"),
    ("check_run", "completed", 0, "check.failed", f"{REPO}@ec26c3e57ca3a959ca5aad62de7213c562f8c821", {"author": ["codertocat"]}, TOPIC, "Octocoders-linter failed on #2"),
    ("check_suite", "completed", 1, "check.succeeded", f"{REPO}@ec26c3e57ca3a959ca5aad62de7213c562f8c821", {"author": ["codertocat"]}, TOPIC, "octocoders-linter succeeded on main"),
    ("status", None, 0, "check.succeeded", f"{REPO}@6113728f27ae82c7b1a177c8d03f9e96e0adf246", {"author": ["codertocat"]}, TOPIC, "default succeeded on 6113728"),
    ("deployment_status", "created", 0, "deployment.succeeded", f"{REPO}@f95f852bd8fca8fcc58a9a2d6c842781e32a215e", {"author": ["codertocat"]}, TOPIC, "Deployment to production succeeded"),
    ("deployment_review", "requested", 0, "deployment.review_requested", "terraform-test-github/sample-app/actions/runs/5453085689", None, "github:@terraform-test-github/admins", "Deployment to TST waits for approval"),
    ("release", "published", 0, "release.published", f"{REPO}/releases/0.0.1", None, TOPIC, f"{REPO} 0.0.1"),
    ("package", "published", 0, "package.published", "Codertocat/hello-world-npm/packages/10696", None, "github:codertocat/hello-world-npm", "hello-world-npm 1.0.0"),
    ("repository", "privatized", 0, "repository.changed", REPO, {"owner": ["codertocat"]}, TOPIC, f"Codertocat made {REPO} private"),
    ("dependabot_alert", "created", 0, "security.alert", "wolfy1339/pika-pack/dependabot/20", {"owner": ["wolfy1339"]}, "github:wolfy1339/pika-pack/security", "Medium severity vulnerability in semver"),
    ("dependabot_alert", "fixed", 0, "security.resolved", "octocat/hello-world/dependabot/1", {"owner": ["octocat"]}, "github:octocat/hello-world/security", "Resolved: Medium severity vulnerability in ansible"),
    ("repository_vulnerability_alert", "create", 0, "security.alert", f"{REPO}/dependabot/91095730", {"owner": ["codertocat"]}, f"{TOPIC}/security", "Moderate severity vulnerability in rack"),
    ("code_scanning_alert", "created", 0, "security.alert", f"{REPO}/code-scanning/10", None, f"{TOPIC}/security", "CodeQL: Query built from user-controlled sources"),
    ("security_advisory", "published", 0, "security.advisory", "GHSA-rf4j-j272-fj86", None, "github:advisories", "Moderate severity vulnerability that affects django"),
    ("branch_protection_rule", "deleted", 0, "branch_protection.changed", "octo-org/octo-repo/branch-protection/21796960", None, "github:octo-org/octo-repo/security", "Codertocat deleted the branch protection of production"),
    ("member", "added", 0, "access.granted", REPO, {"direct": ["hacktocat"]}, None, f"You have access to {REPO}"),
    ("member", "edited", 0, "access.changed", REPO, {"direct": ["octocat"]}, None, f"Your access to {REPO} has changed"),
    ("membership", "removed", 0, "access.revoked", "Octocoders/github", {"direct": ["codertocat"]}, None, "You are no longer in the team Octocoders/github"),
    ("organization", "member_added", 0, "access.granted", "Octocoders", {"direct": ["hacktocat"]}, None, "You are a member of Octocoders"),
    ("organization", "member_invited", 0, "access.invited", "Octocoders", {"direct": ["hacktocat"]}, None, "You are invited to Octocoders"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "action", "nth", "code", "subject", "to", "topic", "title"), EXPECTED)
def test_a_real_webhook_becomes_this_event(
    name: str, action: str | None, nth: int, code: str, subject: str, to: object, topic: str, title: str
) -> None:
    made, fields = one(name, real(name, action, nth))
    assert (made, fields["subject"], fields["to"]) == (f"github.{code}", subject, to)
    assert (fields["topic"], fields["data"]["title"]) == (topic, title)


def test_every_webhook_of_the_demo_makes_events_that_can_be_emitted() -> None:
    keys = set()
    for received in payloads():
        emissions = github.events(received.name, received.payload, delivery=received.delivery)
        assert emissions, received.name
        for code, fields in emissions:
            stored = event.make(code, fields)
            assert code in github.TYPES
            assert stored.correlation_id == received.delivery
            assert len(json.dumps(stored.data)) < 2000
            keys.add(stored.key)
    assert len(keys) == len(payloads())


def test_all_of_a_comment() -> None:
    payload = real("issue_comment", "created")
    code, fields = one("issue_comment", payload)
    assert code == "github.comment.created"
    assert fields == {
        "actor": "codertocat",
        "subject": f"{REPO}#1",
        "thread": f"{REPO}#1",
        "to": {"assigned": ["codertocat"]},
        "topic": TOPIC,
        "severity": None,
        "key": fields["key"],
        "tags": ("codertocat/hello-world", "bug"),
        "data": {
            "title": f"Codertocat commented on #1 {SPELLING}",
            "text": "You are totally right! I'll get this fixed right away.",
            "button": "View on GitHub",
            "actor_name": "Codertocat",
            "subject_name": f"#1 {SPELLING}",
            "author": "Codertocat",
            "action": "created",
            "repository": REPO,
            "private": False,
            "number": 1,
        },
        "url": "https://github.com/Codertocat/Hello-World/issues/1#issuecomment-492700400",
        "correlation_id": None,
    }


def test_everybody_is_told_for_their_strongest_reason_in_one_event() -> None:
    payload = put(
        real("pull_request_review_comment", "created"),
        comment__body="@Octocat and @alice: see `@nobody`",
        pull_request__assignees=[account("Bob"), account("ALICE")],
        pull_request__requested_reviewers=[account("carol"), account("bob")],
        pull_request__user=account("dave"),
        pull_request__body="As @erin and @carol said",
    )
    _, fields = one("pull_request_review_comment", payload)
    assert fields["to"] == {
        "mention": ["octocat", "alice"],
        "assigned": ["bob"],
        "reviewer": ["carol"],
        "author": ["dave"],
        "participant": ["erin"],
    }


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("ping", {"zen": "Design for failure.", "hook_id": 1}),
        ("star", {"action": "created"}),
        ("watch", {"action": "started"}),
        ("fork", {}),
        ("push", {"ref": "refs/heads/main"}),
        ("never_heard_of", {}),
        ("issues", real("issues", "opened") | {"action": "labeled"}),
        ("issues", real("issues", "opened") | {"action": "unpinned"}),
        ("issues", real("issues", "opened") | {"action": "edited", "changes": {"title": {"from": "x"}}}),
        ("issue_comment", real("issue_comment", "created") | {"action": "deleted"}),
        ("pull_request", real("pull_request", "opened") | {"action": "synchronize"}),
        ("release", real("release", "published") | {"action": "created"}),
        ("repository", real("repository", "privatized") | {"action": "edited"}),
        ("security_advisory", real("security_advisory", "published") | {"action": "withdrawn"}),
        ("check_run", real("check_run", "completed") | {"action": "rerequested"}),
        ("check_run", put(real("check_run", "completed"), check_run__conclusion="skipped")),
        ("status", real("status") | {"state": "pending"}),
        ("deployment_status", put(real("deployment_status", "created"), deployment_status__state="queued")),
        ("organization", {"action": "member_invited", "organization": {"login": "o"}, "user": None}),
    ],
)
def test_what_concerns_nobody_is_no_event(name: str, payload: dict[str, Any]) -> None:
    assert github.events(name, payload) == []


@pytest.mark.parametrize(
    ("name", "payload", "code", "severity"),
    [
        ("check_run", put(real("check_run", "completed"), check_run__conclusion="timed_out"), "check.failed", None),
        ("status", real("status") | {"state": "error"}, "check.failed", None),
        ("deployment_status", put(real("deployment_status", "created"), deployment_status__state="failure"), "deployment.failed", None),
        ("pull_request", put(real("pull_request", "closed"), pull_request__merged=True), "pull_request.merged", None),
        ("pull_request_review", put(real("pull_request_review", "submitted"), review__state="changes_requested"), "review.submitted", Severity.ACTION),
        ("dependabot_alert", put(real("dependabot_alert", "created"), alert__security_advisory__severity="low"), "security.alert", Severity.INFO),
        ("dependabot_alert", put(real("dependabot_alert", "created"), alert__security_advisory__severity="high"), "security.alert", Severity.ACTION),
        ("dependabot_alert", put(real("dependabot_alert", "created"), alert__security_advisory__severity="critical"), "security.critical", Severity.URGENT),
        ("code_scanning_alert", real("code_scanning_alert", "created"), "security.alert", Severity.ACTION),
        ("code_scanning_alert", put(real("code_scanning_alert", "created"), alert__rule__security_severity_level="critical"), "security.critical", Severity.URGENT),
        ("issues", real("issues", "opened") | {"action": "closed"}, "issue.closed", None),
        ("member", real("member", "added") | {"action": "removed"}, "access.revoked", None),
    ],
)  # fmt: skip
def test_state_and_severity(name: str, payload: dict[str, Any], code: str, severity: Severity | None) -> None:
    made, fields = one(name, payload)
    assert (made, fields["severity"]) == (f"github.{code}", severity)


def test_a_leaked_secret_is_critical() -> None:
    payload = {
        "action": "created",
        "alert": {"number": 3, "secret_type": "mailchimp_api_key", "html_url": "https://github.com/o/r/security/secret-scanning/3"},
        "repository": {"full_name": "o/r", "html_url": "https://github.com/o/r", "private": True, "owner": account("o", "Organization")},
        "sender": None,
    }  # fmt: skip
    code, fields = one("secret_scanning_alert", payload)
    assert code == "github.security.critical"
    assert fields["actor"] == "ghost"
    assert fields["data"]["title"] == "Secret found: mailchimp_api_key"


def test_an_edit_is_told_to_the_newly_mentioned_alone() -> None:
    payload = real("issue_comment", "created") | {"action": "edited"}
    put(payload, changes__body__from="cc @alice", comment__body="cc @Alice @bob")
    code, fields = one("issue_comment", payload)
    assert (code, fields["to"], fields["topic"]) == ("github.mention.added", {"mention": ["bob"]}, None)
    assert github.events("issue_comment", put(payload, comment__body="cc @alice")) == []


def test_a_team_asked_for_review_is_told_by_its_topic() -> None:
    payload = real("pull_request", "review_requested") | {"organization": {"login": "Octocoders"}}
    payload["requested_team"] = {"slug": "Core"}
    del payload["requested_reviewer"]
    _, fields = one("pull_request", payload)
    assert (fields["to"], fields["topic"]) == (None, "github:@octocoders/core")


@pytest.mark.parametrize(
    "user", [None, account("ghost"), account("renovate[bot]", "Bot"), account("octo-org", "Organization")]
)
def test_ghosts_bots_and_organizations_are_nobody_to_tell(user: dict[str, Any] | None) -> None:
    payload = put(real("issues", "opened"), issue__user=user, issue__assignees=[], sender=user)
    _, fields = one("issues", payload)
    assert fields["to"] is None
    assert fields["actor"] == (user["login"] if user else "ghost")


class TestKeys:
    def test_the_same_webhook_twice_is_one_event(self) -> None:
        payload = real("issue_comment", "created")
        again = json.loads(json.dumps(payload, sort_keys=True))
        first, second = (event.make(*one("issue_comment", body)) for body in (payload, again))
        assert (first.key, first.body_hash) == (second.key, second.body_hash)

    def test_another_webhook_is_another_event(self) -> None:
        keys = [
            one("issues", put(real("issues", "opened"), issue__updated_at=at))[1]["key"] for at in ("1", "2")
        ]
        assert keys[0] != keys[1]

    def test_a_delivery_names_the_event(self) -> None:
        payload = real("issues", "opened")
        [(_, fields)] = github.events("issues", payload, delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958")
        assert fields["key"] == "github/72d3162e-cc78-11e3-81ab-4c9367dc0958/github.issue.opened"
        assert fields["correlation_id"] == "72d3162e-cc78-11e3-81ab-4c9367dc0958"

    @pytest.mark.parametrize("delivery", ["", "a b", "x" * 101, "a\n", "../x"])
    def test_a_delivery_that_github_would_not_send(self, delivery: str) -> None:
        with pytest.raises(InvalidInput, match="'issues': X-GitHub-Delivery must be a GUID"):
            github.events("issues", real("issues", "opened"), delivery=delivery)


class TestMalformed:
    @pytest.mark.parametrize(
        ("name", "action", "path", "value"),
        [
            ("issues", "opened", "issue", None),
            ("issues", "opened", "issue__title", None),
            ("issues", "opened", "issue__number", "1"),
            ("issues", "opened", "issue__number", True),
            ("issues", "opened", "issue__assignees", {}),
            ("issues", "opened", "issue__labels", ["bug"]),
            ("issues", "opened", "issue__body", 5),
            ("issues", "opened", "repository", "x"),
            ("issues", "opened", "action", None),
            ("issue_comment", "created", "comment__html_url", ""),
            ("check_run", "completed", "check_run__pull_requests", [{}]),
            ("release", "published", "release__tag_name", None),
            ("dependabot_alert", "created", "alert__security_advisory__severity", 3),
        ],
    )
    def test_the_error_names_the_webhook_and_the_field(
        self, name: str, action: str, path: str, value: object
    ) -> None:
        payload = put(real(name, action), **{path: value})
        field = path.replace("__", r"\.")
        with pytest.raises(InvalidInput, match=f"GitHub webhook '{name}': {field}.* must be "):
            github.events(name, payload)

    @pytest.mark.parametrize("payload", [None, [], "x", 5])
    def test_a_payload_that_is_no_object(self, payload: Any) -> None:
        with pytest.raises(InvalidInput, match="'issues': the payload must be an object"):
            github.events("issues", payload)

    def test_a_missing_field_anywhere_is_no_other_error(self) -> None:
        """Every field of every payload is taken away once: an event, nothing, or `InvalidInput`."""
        for received in {one.name: one for one in payloads()}.values():
            for path in paths(received.payload):
                payload = copy.deepcopy(dict(received.payload))
                place: Any = payload
                for step in path[:-1]:
                    place = place[step]
                del place[path[-1]]
                with contextlib.suppress(InvalidInput):
                    for code, fields in github.events(received.name, payload):
                        event.make(code, fields)


def paths(value: object, above: tuple[Any, ...] = (), depth: int = 3) -> list[tuple[Any, ...]]:
    """Where something stands, down to the third level."""
    if not isinstance(value, dict) or not depth:
        return []
    return [
        path
        for key, below in value.items()
        for path in [(*above, key), *paths(below, (*above, key), depth - 1)]
    ]


def test_text_that_no_database_stores_stops_no_event() -> None:
    payload = put(
        real("issues", "opened"),
        issue__title="A\x00b\n\ud83d" + "long" * 100,
        issue__body="x\x00" * 9000,
        issue__html_url="javascript:alert(1)",
        issue__labels=[{"name": "a\tb"}, {"name": " "}, {"name": "x" * 300}],
    )
    _, fields = one("issues", payload)
    assert fields["data"]["title"].startswith("Codertocat opened #1 A b longlong")
    assert fields["url"] == "https://github.com/Codertocat/Hello-World"
    assert len(fields["data"]["text"]) == 500
    assert list(fields["tags"])[:2] == ["codertocat/hello-world", "a b"]


class Declared:
    """Takes declarations as a `Clarion` does."""

    def __init__(self) -> None:
        self.types: dict[str, event_type.EventType] = {}

    def type(self, code: str, **options: Any) -> None:
        self.types[code] = event_type.declare(code, options)


def test_the_declarations_are_sound() -> None:
    declared = Declared()
    github.declare(declared)
    assert list(declared.types) == list(github.TYPES)
    assert [code for code, type in declared.types.items() if type.required] == ["github.security.critical"]
    assert [code for code, type in declared.types.items() if not type.enabled] == ["github.check.succeeded"]


def test_access_is_asked_about_everything_but_access_itself() -> None:
    declared = Declared()
    github.declare(declared, access=lambda event, recipients, app: recipients)
    unguarded = {type.category for type in declared.types.values() if type.access is None}
    assert unguarded == {"access"}
