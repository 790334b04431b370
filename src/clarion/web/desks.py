"""The desk of whoever asks: bound to their name, their tenant and what they may do."""

from __future__ import annotations

from clarion.desk import Desk
from clarion.web.caller import Caller
from clarion.web.service import Service


def desk_of(caller: Caller, service: Service) -> Desk:
    return service.clarion.desk(caller.name, tenant=caller.tenant, scopes=caller.scopes)
