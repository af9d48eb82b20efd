"""What every route is given: the service it belongs to, and who calls.

Two things a newcomer would get wrong. A service without any key is open to this machine alone, and a web page that somebody on
this machine visits is not this machine: what a browser sends for another site is refused. And `tenant` is not `sees`: what an
administrator submits belongs to its tenant, what it sees is everything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from errors import NoKey, ScopeMissing
from jobs import Ledger
from jobs.access import Quotas, Scope
from records import Queue
from workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the API works on. Opening it opens nothing: the API starts while the broker, the ledger or a model is away."""

    place: Workplace
    ledger: Ledger
    ring: Callable[[Queue], None]  #: tell the workers that this queue has work; never blocks, never raises
    broker_is_up: Callable[[], bool]  #: quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and what they may."""

    tenant: str  #: what it submits belongs to this tenant; '' without keys
    sees: str | None  #: the tenant whose things it sees, with what '' owns; None = everything
    scopes: frozenset[Scope]
    quotas: Quotas


async def service_of(request: Request) -> Service:
    """The service that this app was made for."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]


def caller_of(request: Request, service: ServiceDep) -> Caller:
    """Who calls, by their key; raises NoKey. Found once per request, in a thread: the ledger is asked."""
    token = _token(request)
    if token:
        key = service.ledger.key_of(token)
        is_admin = Scope.ADMIN in key.scopes
        scopes = frozenset(Scope) if is_admin else key.scopes
        return Caller(tenant=key.tenant, sees=None if is_admin else key.tenant, scopes=scopes, quotas=key.quotas)
    if service.ledger.has_keys():
        raise NoKey("This service needs an API key and none was sent. Nothing was done.")
    if not _is_this_machine(request):
        raise NoKey(
            "No API key was made yet, so only programs on this machine may ask. Nothing was done. Make a key with `reread keys create`."
        )
    return Caller(tenant="", sees=None, scopes=frozenset(Scope), quotas=Quotas())


@cache
def may(scope: Scope) -> Callable[[Caller], Caller]:
    """A dependency that gives the caller, or raises NoKey (401) or ScopeMissing (403)."""

    async def allowed(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        if scope not in caller.scopes:
            raise ScopeMissing(f"This key may not do this: it has not the scope {scope.value!r}. Nothing was done.")
        return caller

    return allowed  # type: ignore[return-value]  # FastAPI awaits it


Reads = Annotated[Caller, Depends(may(Scope.READ))]
Submits = Annotated[Caller, Depends(may(Scope.SUBMIT))]
Administers = Annotated[Caller, Depends(may(Scope.ADMIN))]


def _token(request: HTTPConnection) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key", "").strip()


def _is_this_machine(request: HTTPConnection) -> bool:
    """True where a program of this machine calls, and not a page of another site in its browser: neither by a form (the origin
    tells) nor by a name that was made to point here (the host tells)."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    origin = request.headers.get("origin")
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}")
        return _is_loopback(host.hostname or "") and (origin is None or urlsplit(origin).netloc == host.netloc)
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
