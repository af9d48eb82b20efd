"""A real uvicorn server on a loopback port, with a library, a ledger and keys, for tests of the API.

It runs in a thread of the test's process, so a test may look into the ledger beside it and move jobs as a worker would. The embedding
is that of `makers.embed`, so nothing slow is loaded; everything else is what the service has.

    with serving(tmp_path) as api:
        job = api.post("/v1/documents", key=api.alice, files=[("files", ("a.pdf", PDF))]).json()["jobs"][0]
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from makers import DIMENSION, embed, make_paper

from api.app import create_app
from api.context import Service
from api.limits import PatientProtocol
from jobs import Ledger
from jobs.access import Quotas, Scope
from records import Conversion, Embed, Job, Paper, Queue
from settings import load_settings
from store.embedding import model_identity
from store.library import create_library
from storing import lines_of
from workplace import Workplace

_LIMITS = httpx2.Limits(max_connections=None)
#: Enough for the door, which looks at the first bytes only.
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def pdf(mark: str) -> bytes:
    """A file of its own identity that the door takes."""
    return PDF + f"% {mark}\n".encode()


class QuickPlace(Workplace):
    """A workplace whose embedding model needs no weights."""

    def embed(self) -> Embed:
        return embed


@dataclass(frozen=True, kw_only=True)
class Api:
    """A running service and what a test needs of it."""

    url: str
    port: int
    service: Service
    client: httpx2.Client
    alice: str = ""  #: submits and reads, tenant 'alice'
    bob: str = ""  #: the same of tenant 'bob'
    reader: str = ""  #: only reads, tenant 'alice'
    admin: str = ""  #: everything, tenant 'ops'
    rung: list[Queue] = field(default_factory=list)  #: the bells that were rung, in their order

    @property
    def ledger(self) -> Ledger:
        return self.service.ledger

    @property
    def place(self) -> Workplace:
        return self.service.place

    @property
    def root(self) -> Path:
        return self.place.library.root

    def request(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx2.Response:
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **(more.pop("headers", None) or {})}
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("POST", path, **more)

    def delete(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("DELETE", path, **more)

    def patch(self, path: str, **more: Any) -> httpx2.Response:
        return self.request("PATCH", path, **more)

    def submit(self, *marks: str, key: str | None = None, **more: Any) -> list[dict[str, Any]]:
        """Submit one small PDF per mark; returns the jobs."""
        files = [("files", (f"{mark}.pdf", pdf(mark), "application/pdf")) for mark in marks]
        answer = self.post("/v1/documents", key=key or self.alice, files=files, **more)
        assert answer.status_code == 202, answer.text
        jobs: list[dict[str, Any]] = answer.json()["jobs"]
        return jobs

    def claim(self) -> Job:
        """Take the next paper as a worker would."""
        job = self.ledger.claim(self.place.recipe.job_kind)
        assert job is not None
        return job

    def store(self, *papers: Paper, tenant: str = "") -> None:
        """Put papers on the shelf of a tenant, whole, as the writer would: blobs, rows, ledger."""
        library = self.place.library
        stored = []
        for paper in papers:
            texts = {"docling_json": '{"schema_name": "DoclingDocument"}', "markdown": f"# {paper.document.title}\n"}
            blobs = {name: library.blobs.put_text(text) for name, text in texts.items()}
            fields = {name: getattr(paper.conversion, name) for name in Conversion.__slots__}
            conversion = Conversion(**{**fields, **blobs})
            stored.append(Paper(document=paper.document, conversion=conversion, chunks=paper.chunks, vectors=paper.vectors))
        library.save_papers(stored)
        self.ledger.record(line for paper in stored for line in lines_of(paper, self.place.recipe))
        self.ledger.add_names([(paper.document.name, paper.document.id) for paper in stored], tenant=tenant)

    def store_named(self, *names: str, tenant: str = "") -> list[str]:
        """Put small made-up papers on a shelf; returns their ids."""
        papers = [make_paper(name) for name in names]
        self.store(*papers, tenant=tenant)
        return [paper.document.id for paper in papers]


@contextmanager
def serving(
    folder: Path, *, has_keys: bool = True, ledger: Ledger | None = None, broker_is_up: bool = True, **settings: Any
) -> Iterator[Api]:
    """A service over a fresh library in this folder, until the context ends."""
    chosen = load_settings(**{"library": folder / "library", **settings})
    create_library(chosen.library, embedding=model_identity(chosen.embedding_model), dimension=DIMENSION)
    rung: list[Queue] = []
    opened = ledger or Ledger(chosen.library / "ledger.sqlite")
    service = Service(place=QuickPlace(chosen), ledger=opened, ring=rung.append, broker_is_up=lambda: broker_is_up)
    keys = make_keys(opened) if has_keys else {}
    with running(service) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=_LIMITS) as client:
        yield Api(url=f"http://127.0.0.1:{port}", port=port, service=service, client=client, rung=rung, **keys)
    opened.close()


def make_keys(ledger: Ledger) -> dict[str, str]:
    """Keys of two tenants, one that only reads, one that may do everything."""

    def key(name: str, tenant: str, scopes: Sequence[Scope]) -> str:
        return ledger.create_key(name, tenant=tenant, scopes=scopes, quotas=Quotas())[1]

    both = (Scope.SUBMIT, Scope.READ)
    return {
        "alice": key("alice", "alice", both),
        "bob": key("bob", "bob", both),
        "reader": key("reader", "alice", (Scope.READ,)),
        "admin": key("admin", "ops", (Scope.ADMIN,)),
    }


@contextmanager
def running(service: Service) -> Iterator[int]:
    """uvicorn with this service in a thread; gives its port."""
    config = uvicorn.Config(
        create_app(service), http=PatientProtocol, log_level="warning", access_log=False, server_header=False, ws="none",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="api", daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started, "the server did not start"
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(timeout=20)
