"""Is it alive, is it ready, which version is it. Open to everybody: a probe has no key, and nothing here says more than yes or no.

Alive means that this process answers; ready means that what is submitted now can be kept. Without its broker the service is ready
all the same: the ledger keeps the work and the workers look for it.
"""

from __future__ import annotations

import shutil
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.about import version
from api.context import Service, ServiceDep
from api.problems import documented
from errors import RereadError

router = APIRouter(tags=["health"])

#: Free space below which nothing more is accepted: a large upload and what is made of it.
MIN_FREE_BYTES = 1 << 30


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Dependency(BaseModel):
    name: Literal["ledger", "library", "disk", "broker"]
    is_up: bool
    is_needed: bool = Field(description="False: the service does its work without, more slowly.")
    detail: str


class Readiness(BaseModel):
    status: Literal["ready", "not_ready"]
    dependencies: list[Dependency]


class Version(BaseModel):
    name: Literal["reread"] = "reread"
    version: str
    api: Literal["v1"] = "v1"


_OPEN: dict[str, Any] = {"responses": documented(always=(400, 500)), "openapi_extra": {"security": []}}
_READY: dict[str, Any] = {
    **_OPEN,
    "responses": {**_OPEN["responses"], 503: {"model": Readiness, "description": "Something that is needed is missing."}},
}


@router.get("/livez", summary="Does this process answer?", **_OPEN)
async def livez() -> Alive:
    return Alive()


@router.get("/health", summary="The same as /livez, as docling-serve calls it", **_OPEN)
async def health() -> Alive:
    return Alive()


@router.get("/readyz", summary="Can work be accepted now, and what is missing?", **_READY)
def readyz(service: ServiceDep, response: Response) -> Readiness:
    return _readiness(service, response)


@router.get("/ready", summary="The same as /readyz, as docling-serve calls it", **_READY)
def ready(service: ServiceDep, response: Response) -> Readiness:
    return _readiness(service, response)


@router.get("/version", summary="Which version is this?", **_OPEN)
async def show_version() -> Version:
    return Version(version=version())


def _readiness(service: Service, response: Response) -> Readiness:
    dependencies = [_ledger(service), _library(service), _disk(service), _broker(service)]
    is_ready = all(found.is_up for found in dependencies if found.is_needed)
    if not is_ready:
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return Readiness(status="ready" if is_ready else "not_ready", dependencies=dependencies)


def _ledger(service: Service) -> Dependency:
    try:
        service.ledger.has_keys()
    except RereadError as error:
        return Dependency(name="ledger", is_up=False, is_needed=True, detail=error.code)
    return Dependency(name="ledger", is_up=True, is_needed=True, detail="ok")


def _library(service: Service) -> Dependency:
    try:
        is_there = (service.place.library.root / "library.toml").is_file()
    except RereadError as error:
        return Dependency(name="library", is_up=False, is_needed=True, detail=error.code)
    return Dependency(name="library", is_up=is_there, is_needed=True, detail="ok" if is_there else "missing")


def _disk(service: Service) -> Dependency:
    try:
        free = shutil.disk_usage(service.place.settings.library).free
    except OSError:
        return Dependency(name="disk", is_up=False, is_needed=True, detail="missing")
    is_up = free >= MIN_FREE_BYTES
    return Dependency(name="disk", is_up=is_up, is_needed=True, detail="ok" if is_up else "less than 1 GiB is free")


def _broker(service: Service) -> Dependency:
    is_up = service.broker_is_up()
    detail = "ok" if is_up else "broker_unreachable: work is kept, and started when workers look for it"
    return Dependency(name="broker", is_up=is_up, is_needed=False, detail=detail)
