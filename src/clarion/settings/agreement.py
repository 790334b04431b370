"""Whether settings agree with one another."""

from __future__ import annotations

from collections.abc import Iterator

from clarion.settings.setting import InForce, Settings


def contradictions(settings: Settings) -> Iterator[str]:
    """A sentence for each that they do not."""
    said = {one.setting.key: one for one in settings if one.said and not one.aside}
    smtp, sender = "mail.smtp" in said, "mail.sender" in said
    if smtp != sender:
        there, missing = ("mail.smtp", "mail.sender") if smtp else ("mail.sender", "mail.smtp")
        yield (
            f"mail needs both mail.smtp and mail.sender: {_where(said[there])} gives the one, and {missing} is missing; "
            "say --smtp URL and --sender 'NAME <A@B>', or CLARION_SMTP and CLARION_SENDER, or write them into [mail]"
        )
    if not smtp and not sender:
        for key, one in said.items():
            if key.startswith(("mail.", "caps.email.")):
                yield f"{_where(one)}: {key} is of no use, as there is no channel email without mail.smtp and mail.sender"
    yield from _of_tokens({key: one for key, one in said.items() if key.startswith("serve.tokens.")})
    yield from _of_openid({key: one for key, one in said.items() if key.startswith("serve.openid.")})


def _of_tokens(said: dict[str, InForce]) -> Iterator[str]:
    """They are checked in one way, or in none."""
    secret, jwks = said.get("serve.tokens.secret"), said.get("serve.tokens.jwks")
    if secret and jwks:
        yield (
            f"{_where(jwks)}: serve.tokens.jwks beside serve.tokens.secret, which {_where(secret)} gives: "
            "recipients' tokens are checked by one of the two; leave one out"
        )
    if not secret and not jwks:
        for key, one in said.items():
            yield f"{_where(one)}: {key} is of no use, as no token is checked without serve.tokens.secret or serve.tokens.jwks"


def _of_openid(said: dict[str, InForce]) -> Iterator[str]:
    """All of what it takes, or none of it."""
    needed = [f"serve.openid.{name}" for name in ("issuer", "client_id", "url", "grants")]
    missing = [key for key in needed if key not in said]
    if said and missing:
        first = next(iter(said.values()))
        yield f"{_where(first)}: {first.setting.key} is not enough for OpenID Connect; say {', '.join(missing)}, too"


def _where(one: InForce) -> str:
    return one.origin.name
