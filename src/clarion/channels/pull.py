"""What is fetched instead of sent: a desktop application, or a device, claims its deliveries over HTTP."""

from __future__ import annotations

from clarion.errors import ConfigError, Reject, shown
from clarion.message import Message
from clarion.recipient import Address


class Pull:
    """A channel on which nothing is sent: see `Clarion.pull`. An address on it is the name of a device.

    Workers leave its deliveries where they are, but for what becomes too old. Raises `ConfigError`.
    """

    fetched = True

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigError(f"a channel's name is a word such as 'desktop', got {shown(name)}")
        self.name = name

    async def send(self, _message: Message, _address: Address) -> str | None:
        raise Reject("fetched", f"nothing is sent on {self.name}: its devices fetch what is due")

    async def check(self) -> str:
        return "nothing to reach, its devices fetch what is due"
