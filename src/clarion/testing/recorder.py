"""A channel that keeps what it is given, and fails when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from clarion import clock
from clarion.errors import InvalidInput, SendError, shown
from clarion.message import Message
from clarion.recipient import Address
from clarion.testing.loop import TravellingLoop
from clarion.testing.told import Told

Failure = Exception | type[Exception]

_ANY_LEASE = 86_400.0  # seconds, longer than any


@dataclass(slots=True, kw_only=True)
class _Planned:
    """What is to happen to the next `times` messages (`None`: to all) for this recipient, or for anybody."""

    failure: Failure | None  # `None`: no answer at all
    times: int | None
    recipient: str | None


class Recorder:
    """Takes the place of a channel of this name. `tried`: how often it was asked to send, in vain or not."""

    destination: Callable[[str], str]  # only where the channel has one: see `clarion.lane`

    def __init__(self, name: str, instead_of: object = None) -> None:
        self.name = name
        if hasattr(instead_of, "destination"):
            self.destination = instead_of.destination
        self.told: list[Told] = []
        self.tried = 0
        self._planned: list[_Planned] = []

    async def send(self, message: Message, address: Address) -> None:
        self.tried += 1
        planned = self._next(message.recipient.id)
        if planned is None:
            self.told.append(_told(message, address))
        elif planned.failure is None:
            await _hang()
        else:
            raise _made(planned.failure)

    def fail(self, failure: Failure | None, *, times: int | None, recipient: str | None) -> None:
        """Let the next messages fail, after those for which something is planned already; `None`: hang."""
        if times is not None and times < 1:
            raise InvalidInput(f"times must be at least 1, or None for all until heal(), got {times}")
        if failure is not None:
            _made(failure)
        self._planned.append(_Planned(failure=failure, times=times, recipient=recipient))

    def heal(self) -> None:
        """Nothing fails any more."""
        self._planned.clear()

    def _next(self, recipient: str) -> _Planned | None:
        for planned in self._planned:
            if planned.recipient in (None, recipient):
                if planned.times is not None:
                    planned.times -= 1
                    if not planned.times:
                        self._planned.remove(planned)
                return planned
        return None


def _made(failure: Failure) -> Exception:
    """What is raised. Raises `InvalidInput` for what cannot be."""
    if isinstance(failure, Exception):
        return failure.with_traceback(None)
    if isinstance(failure, type) and issubclass(failure, SendError):
        return failure("injected", "by the test")
    if isinstance(failure, type) and issubclass(failure, Exception):
        try:
            return failure("injected by the test")
        except TypeError as error:
            raise InvalidInput(f"give an instance of {failure.__name__}, for {error}") from error
    raise InvalidInput(f"a failure is what a channel raises, such as Down or Retry(…), got {shown(failure)}")


async def _hang() -> None:
    """There is no answer: whoever waits for it has waited until it had enough."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, TravellingLoop):
        loop.move_on(_ANY_LEASE)
    await loop.create_future()


def _told(message: Message, address: Address) -> Told:
    return Told(
        id=message.id,
        recipient=message.recipient.id,
        type=message.event.type,
        channel=address.channel,
        address=address.value,
        title=message.content.title,
        text=message.content.text,
        html=message.content.html,
        url=message.url,
        reason=message.reason,
        severity=message.severity,
        locale=message.locale,
        attempt=message.attempt,
        at=clock.now(),
        event=message.event,
    )
