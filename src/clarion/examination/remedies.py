"""What to do about what a channel says: the codes that all of them share, else what kind of refusal it is."""

from __future__ import annotations

from clarion.errors import Down, Gone, Reject

_BY_CODE = {
    "dns": "correct the host's name in the channel's URL, or see to the resolver of this machine",
    "connect": "see that the server runs, that the port is right, and that no firewall is between",
    "tls": "see to the server's certificate, or choose smtp://, smtp+starttls:// or smtps:// as the server has it",
    "auth": "correct user and password in the channel's URL",
    "timeout": "see whether the server is overloaded, or a firewall swallows what is sent",
}
_WAITS = "see to the provider; until then what is due there waits, and loses no attempt"


def unreached(code: str | None) -> str:
    """For a provider that could not be reached, or refused everybody."""
    return _BY_CODE.get(code or "", _WAITS)


def unsent(error: BaseException) -> str:
    """For a message that was not taken."""
    match error:
        case Gone():
            return "correct the address: a delivery there would fail, and mark the address dead"
        case Reject() if error.code == "render":
            return "correct the template, or give the event what it reads"
        case Reject():
            return "see what the provider objects to: it would refuse this message each time"
        case Down():
            return unreached(error.code)
    return "try again: a delivery would be tried again by itself, at its type's waits"
