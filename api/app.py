"""Joins the routers, the one layer around them, and the one shape of errors.

`create_app` opens nothing and asks nothing: the service answers /livez while its broker, its ledger or its models are away, and
says on /readyz what is missing. There is no CORS layer, so browsers keep other sites' pages out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api import (
    about,
    dead_letters,
    docling_serve,
    documents,
    events,
    extractions,
    health,
    jobs,
    metrics,
    prompts,
    runs,
    search,
    submissions,
    webhooks,
)
from api.context import Service
from api.limits import MAX_JSON_BYTES, Gate
from api.problems import Problem, register
from api.shelf import Shelf
from api.uploads import MULTIPART_BYTES
from api.watching import Watch
from errors import RereadError
from submitting import remove_abandoned

ROUTERS: tuple[APIRouter, ...] = (
    submissions.router,
    documents.router,
    jobs.router,
    events.router,
    runs.router,
    prompts.router,
    search.router,
    extractions.router,
    webhooks.router,
    dead_letters.router,
    docling_serve.router,
    metrics.router,
    health.router,
    about.router,
)
#: Paths that take uploads, and how large a JSON body may be there.
UPLOADS = {
    **dict.fromkeys(submissions.UPLOAD_PATHS, MAX_JSON_BYTES),
    **dict.fromkeys(docling_serve.UPLOAD_PATHS, docling_serve.MAX_JSON_BYTES),
}
#: Schemas that routes name by reference, where FastAPI cannot know of them.
BY_HAND: tuple[type[BaseModel], ...] = (Problem, submissions.UrlsIn)
#: Requests that are worked on at once, each in a thread: most of them wait for the disk.
THREADS = 32
#: Of these, so many may fetch papers from addresses, which takes long.
FETCHERS = 8


def create_app(service: Service) -> FastAPI:
    """The API of this service."""
    app = FastAPI(
        title="Reread",
        version=about.version(),
        summary="Convert scientific papers once; reread them with every new prompt.",
        description=about.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
    )
    app.state.service = service
    app.state.watch = Watch(service.ledger)
    app.state.shelf = Shelf()
    app.state.fetchers = asyncio.Semaphore(FETCHERS)
    app.state.full_until = 0.0  #: the queue was found full: nothing more is received until this time.monotonic()
    register(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(
        Gate,
        max_upload_bytes=(service.place.settings.max_upload_mb << 20) + MULTIPART_BYTES,
        json_bytes=UPLOADS,
        observe=metrics.observe,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    with suppress(RereadError):  # without its library it starts all the same, and says so on /readyz
        await anyio.to_thread.run_sync(lambda: remove_abandoned(app.state.service.place.library))
    async with app.state.watch.running():
        yield


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of everything that the API can be asked and can answer."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for model in BY_HAND:
            found = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update({**found.pop("$defs", {}), model.__name__: found})
        schema["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A key that `reread keys create` made."},
            "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same key."},
        }
        schema["security"] = [{"bearer": []}, {"key": []}]
        app.openapi_schema = schema
    return app.openapi_schema
