"""Whether this process lives, whether it can do its work, and what it counted."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from clarion import telemetry
from clarion.store import migrate
from clarion.web import shapes
from clarion.web.need import MetricsReader
from clarion.web.parameters import Parts
from clarion.web.problem import Problem
from clarion.web.service import Service

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> shapes.Health:
    """This process answers."""
    return shapes.Health(status="ok")


@router.get("/readyz")
async def ready(service: Parts) -> shapes.Health:
    """The database answers, and is at the revision that this version needs; else 503."""
    await service.run(lambda: service.clarion.database.read(migrate.check))
    return shapes.Health(status="ok")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(_caller: MetricsReader, service: Parts) -> Response:
    """What this process counted and what waits, of the whole installation, for Prometheus."""
    return await counted(service)


async def counted(service: Service) -> Response:
    """What `/metrics` answers. Raises a `Problem` 404 where nothing is counted."""
    if not telemetry.COUNTING:
        raise Problem("not-found", "nothing is counted here; install clarion[metrics]")
    return Response(
        await service.run(lambda: _exposed(service)), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _exposed(service: Service) -> bytes:
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

    waiting = (
        CollectorRegistry()
    )  # not in the process's own: another application here may read those of its own
    waiting.register(service.gauges)
    return bytes(generate_latest(REGISTRY)) + bytes(generate_latest(waiting))
