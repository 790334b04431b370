"""What recipients say about being told, for whoever asks: they themselves, or the application for them."""

from __future__ import annotations

from datetime import datetime

from clarion.configuration import Entry
from clarion.store.roster import unknown
from clarion.web import bodies
from clarion.web import recipient_shapes as shapes
from clarion.web.caller import Caller
from clarion.web.service import Service


async def configuration(service: Service, caller: Caller, recipient: str) -> shapes.Configuration:
    said = service.clarion.recipients.said
    found = await service.run(lambda: said(recipient, tenant=caller.tenant))
    return shapes.Configuration.model_validate(found)


async def choose(
    service: Service, caller: Caller, recipient: str, choices: bodies.Choices
) -> shapes.Configuration:
    """In part and at once; what holds then."""
    write = service.clarion.recipients.choose
    await service.run(lambda: write(recipient, by=caller.name, tenant=caller.tenant, **choices.said()))
    return await configuration(service, caller, recipient)


async def silence(service: Service, caller: Caller, recipient: str, until: datetime | None) -> None:
    write = service.clarion.recipients.silence
    await service.run(lambda: write(recipient, until, by=caller.name, tenant=caller.tenant))


async def resume(service: Service, caller: Caller, recipient: str) -> None:
    write = service.clarion.recipients.resume
    await service.run(lambda: write(recipient, by=caller.name, tenant=caller.tenant))


async def history(
    service: Service, caller: Caller, recipient: str, *, before: int | None, limit: int
) -> shapes.History:
    """The newest changes first."""
    recipients = service.clarion.recipients

    def read() -> list[Entry]:
        if recipients.get(recipient, tenant=caller.tenant) is None:
            raise unknown(caller.tenant, recipient)
        return recipients.history(recipient, most=limit + 1, before=before, tenant=caller.tenant)

    found = await service.run(read)
    shown = found[:limit]
    return shapes.History(
        changes=[shapes.Change.model_validate(one) for one in shown],
        next=shown[-1].n if len(found) > limit else None,
    )
