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


def _where(one: InForce) -> str:
    return one.origin.name
