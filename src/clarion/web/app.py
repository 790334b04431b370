"""The ASGI application: served by `clarion serve`, or mounted in an application of FastAPI or Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from clarion.app import Clarion
from clarion.web import (
    emitting,
    events,
    health,
    inbox,
    me,
    mine,
    openapi,
    operators,
    problem,
    providers,
    recipients,
    searches,
    session,
    sinks,
    static_files,
    statistics,
)
from clarion.web.console import routes as console
from clarion.web.guard import Guard
from clarion.web.service import Service
from clarion.web.settings import Settings
from clarion.web.straight import Straight

ROUTERS = (
    events.router,
    recipients.router,
    mine.router,
    me.router,
    inbox.router,
    searches.router,
    operators.router,
    providers.router,
    session.router,
    sinks.router,
    statistics.router,
    health.router,
)


def create_app(clarion: Clarion, settings: Settings | None = None) -> FastAPI:
    """The HTTP service of this Clarion, which is to be started before (`clarion.start()`).

    Mounted elsewhere, it has no lifespan of its own: its threads end with the process, which loses nothing, for what was
    answered is stored.
    """
    settings = settings or Settings()
    service = Service(clarion, settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close()

    app = FastAPI(
        title="Clarion",
        description=openapi.DESCRIPTION,
        version=openapi.version(),
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    # First, for it is asked most; and plain, for FastAPI's way of reading costs more than storing does.
    app.router.routes.insert(0, Route(openapi.EVENTS, emitting.emit, methods=["POST"]))
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    app.router.routes.extend(static_files.routes())
    app.router.routes.extend(console.routes())
    for kind in problem.HANDLED:
        app.add_exception_handler(kind, problem.answer)
    app.add_middleware(Straight, path=openapi.EVENTS, answer=emitting.emit)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["Retry-After"],
            max_age=600,
        )
    app.add_middleware(Guard, body_limit=settings.body_limit)
    app.openapi = lambda: openapi.described(app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    return app
