"""Repositories and who may enter them: releases, packages, changes of the repository, access."""

from __future__ import annotations

from clarion.sources.github.webhook import Emission, Webhook, audience, emission, topic_of

_CHANGES = {
    "publicized": "made {} public",
    "privatized": "made {} private",
    "renamed": "renamed a repository to {}",
    "transferred": "transferred {}",
    "archived": "archived {}",
    "unarchived": "brought {} back from the archive",
    "deleted": "deleted {}",
}
_MEMBER = {
    "added": ("granted", "You have access to {}"),
    "edited": ("changed", "Your access to {} has changed"),
    "removed": ("revoked", "You no longer have access to {}"),
}
_MEMBERSHIP = {
    "added": ("granted", "You are in the team {}"),
    "removed": ("revoked", "You are no longer in the team {}"),
}
_ORGANIZATION = {
    "member_invited": ("invited", "You are invited to {}", "user"),
    "member_added": ("granted", "You are a member of {}", "membership.user"),
    "member_removed": ("revoked", "You are no longer a member of {}", "membership.user"),
}


def release(hook: Webhook) -> list[Emission]:
    """`published` alone: GitHub sends `created`, `released` or `prereleased` beside it."""
    if hook.action != "published":
        return []
    tag = hook.text("release.tag_name")
    name = hook.maybe("release.name") or tag
    subject = f"{hook.repository}/releases/{tag}"
    return [
        emission(
            hook,
            "github.release.published",
            subject=subject,
            thread=subject,
            title=f"{hook.repository} {name}",
            text=hook.maybe("release.body") or f"{hook.who} published {name} of {hook.repository}",
            url=hook.text("release.html_url"),
            topic=topic_of(hook.repository),
            facts={"tag": tag, "prerelease": bool(hook.find("release.prerelease"))},
        )
    ]


def package(hook: Webhook) -> list[Emission]:
    if hook.action != "published":
        return []
    name, version = hook.text("package.name"), hook.text("package.package_version.version")
    subject = f"{hook.repository}/packages/{hook.number('package.id')}"
    return [
        emission(
            hook,
            "github.package.published",
            subject=subject,
            thread=subject,
            title=f"{name[:100]} {version[:80]}",
            text=hook.maybe("package.package_version.summary"),
            url=hook.text("package.html_url"),
            topic=topic_of(hook.repository),
            facts={"package": name, "version": version},
        )
    ]


def repository(hook: Webhook) -> list[Emission]:
    sentence = _CHANGES.get(hook.action)
    if sentence is None:
        return []
    return [
        emission(
            hook,
            "github.repository.changed",
            subject=hook.repository,
            thread=hook.repository,
            title=f"{hook.who} {sentence.format(hook.repository)}",
            url=hook.text("repository.html_url"),
            to=audience(("owner", hook.people("repository.owner"))),
            topic=topic_of(hook.repository),
        )
    ]


def member(hook: Webhook) -> list[Emission]:
    if hook.action not in _MEMBER:
        return []
    change, sentence = _MEMBER[hook.action]
    return _access(hook, change, sentence, place=hook.repository, person="member")


def membership(hook: Webhook) -> list[Emission]:
    if hook.action not in _MEMBERSHIP or hook.maybe("scope") != "team":
        return []
    change, sentence = _MEMBERSHIP[hook.action]
    place = f"{hook.text('organization.login')}/{hook.text('team.name')}"
    return _access(hook, change, sentence, place=place, person="member", url=hook.maybe("team.html_url"))


def organization(hook: Webhook) -> list[Emission]:
    if hook.action not in _ORGANIZATION:
        return []
    change, sentence, person = _ORGANIZATION[hook.action]
    login = hook.text("organization.login")
    url = f"https://github.com/{login}"
    return _access(hook, change, sentence, place=login, person=person, url=url)


def _access(
    hook: Webhook, change: str, sentence: str, *, place: str, person: str, url: str = ""
) -> list[Emission]:
    """Told to the person alone. An invitation by e-mail names none: GitHub has written to it already."""
    to = audience(("direct", hook.people(person)))
    if not to:
        return []
    return [
        emission(
            hook,
            f"github.access.{change}",
            subject=place,
            thread=place,
            title=sentence.format(place),
            text=f"By {hook.who}",
            url=url,
            to=to,
            facts={"member": hook.text(f"{person}.login")},
        )
    ]
