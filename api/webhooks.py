"""/v1/webhooks: addresses that are told when a job or a run ends, and what became of each notice.

The secret that signs the notices leaves the service once, in the answer that makes the webhook. An address is checked when it is
given, so that a wrong one is found out by whoever can mend it, and again at every attempt, because a name can be made to lead
elsewhere. Notices are written with the end of the job, in one transaction, and sent by the workers: what is asked for here is a list.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import webhooks
from api.context import Reads, ServiceDep, Submits
from api.pages import Cursor, Limit, decode_cursor, encode_cursor, ndjson, ndjson_documented, set_next_link, wants_ndjson
from api.problems import documented, problem_answer
from api.texts import Text
from errors import Conflict, FetchFailed, UrlRefused
from ingest.addresses import check_url
from jobs.notices import Webhook

router = APIRouter(tags=["webhooks"])

#: Of one tenant: each costs a row per job.
MOST_WEBHOOKS = 20

EventName = Literal["job.done", "job.failed", "job.cancelled", "run.done", "run.failed", "run.cancelled"]
#: Any text: an id that is none is not found.
WebhookId = Annotated[str, Path(max_length=100, examples=["0f1e2d3c4b5a6978"])]


class WebhookRequest(BaseModel):
    """Where to send notices, and of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://hooks.example.org/reread", "events": ["run.done", "run.failed"]}]},
    )

    url: Text = Field(min_length=1, max_length=2000, description="https, on a host that the service allows.")
    events: list[EventName] = Field(min_length=1, max_length=6)


class WebhookOut(BaseModel):
    id: str
    url: str
    events: list[EventName]
    created: str


class NewWebhook(WebhookOut):
    """A webhook with its secret."""

    secret: str = Field(description="Signs every notice (Standard Webhooks). Keep it: it is not shown again.")


class WebhookList(BaseModel):
    items: list[WebhookOut]
    next_cursor: None = Field(description="A tenant has few: one page holds them all.")


class DeliveryOut(BaseModel):
    """One notice to one webhook."""

    id: str = Field(description="The header webhook-id, the same at every attempt.")
    webhook_id: str
    event: str
    data: dict[str, Any]
    state: Literal["due", "delivered", "dead"] = Field(description="Dead: given up after the last attempt.")
    attempts: int
    status: int | None = Field(description="That the receiver answered last.")
    error: str | None
    created: str
    updated: str


class DeliveryList(BaseModel):
    items: list[DeliveryOut]
    next_cursor: str | None


@router.post(
    "/v1/webhooks",
    status_code=201,
    summary="Have an address told of events",
    response_model=NewWebhook,
    responses={
        201: {"headers": {"Location": {"description": "The webhook.", "schema": {"type": "string"}}}},
        **documented(408, 409, 413, 415),
    },
)
def create_webhook(request: Request, asked: WebhookRequest, service: ServiceDep, caller: Submits) -> Response:
    """Register an address; the answer holds the secret, this once."""
    hosts = service.place.settings.webhook_hosts
    try:
        check_url(asked.url, hosts=hosts)
    except (UrlRefused, FetchFailed) as error:
        off = "webhooks are switched off; an administrator switches them on with webhook_hosts in reread.toml"
        hint = "use an address on a host of webhook_hosts that everybody can reach" if hosts else off
        return problem_answer(request, 422, error.code, str(error), hint)
    if len(service.ledger.webhooks(tenant=caller.tenant)) >= MOST_WEBHOOKS:
        raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already. Nothing was made. Delete one first.")
    secret, events = webhooks.new_secret(), sorted(set(asked.events))
    hook = service.ledger.add_webhook(tenant=caller.tenant, url=asked.url, secret=secret, events=events)
    made = NewWebhook(**_webhook(hook).model_dump(), secret=secret)
    return JSONResponse(made.model_dump(mode="json"), 201, {"Location": f"/v1/webhooks/{hook.id}"})


@router.get("/v1/webhooks", summary="Webhooks, without their secrets", responses=documented())
def list_webhooks(service: ServiceDep, caller: Reads) -> WebhookList:
    return WebhookList(items=[_webhook(hook) for hook in service.ledger.webhooks(tenant=caller.sees)], next_cursor=None)


@router.get(
    "/v1/webhooks/deliveries",
    summary="What was sent and what was not, newest first",
    response_model=DeliveryList,
    responses={**documented(), **ndjson_documented("DeliveryOut")},
)
def list_deliveries(
    request: Request, response: Response, service: ServiceDep, caller: Reads, limit: Limit = 50, cursor: Cursor = None
) -> DeliveryList | Response:
    after = decode_cursor(cursor, str, str)
    found = service.ledger.deliveries(tenant=caller.sees, after=(after[0], after[1]) if after else None, limit=limit + 1)
    items = [_delivery(dict(row)) for row in found[:limit]]
    next_cursor = encode_cursor(items[-1].created, items[-1].id) if len(found) > limit else None
    if wants_ndjson(request):
        return ndjson(request, items, next_cursor)
    set_next_link(request, response, next_cursor)
    return DeliveryList(items=items, next_cursor=next_cursor)


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, summary="Forget a webhook", responses=documented(404))
def delete_webhook(webhook_id: WebhookId, service: ServiceDep, caller: Submits) -> None:
    """Nothing more is sent to it, not even what is owed."""
    service.ledger.remove_webhook(webhook_id, tenant=caller.sees)


def _webhook(hook: Webhook) -> WebhookOut:
    return WebhookOut(id=hook.id, url=hook.url, events=list(hook.events), created=hook.created)  # type: ignore[arg-type]


def _delivery(row: dict[str, Any]) -> DeliveryOut:
    said = json.loads(row["body"])
    same = {name: row[name] for name in ("id", "webhook_id", "state", "status", "error", "created", "updated")}
    return DeliveryOut(**same, event=said["type"], data=said["data"], attempts=row["attempt"])
