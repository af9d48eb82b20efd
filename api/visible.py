"""What a caller may see of papers, runs and readings; asked by every route that gives out more than one thing.

A run of '' is everybody's to read: the library's own. What a run read is seen only of documents that the caller sees, because two
tenants may ask the same question (the same reading key) of different papers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from api.context import Caller, Service
from errors import NotFound, ScopeMissing
from records import Filter, Hit, Run

#: Hidden documents that are simply listed.
FEW = 1000


def seen_documents(doc_ids: Iterable[str], service: Service, caller: Caller) -> set[str]:
    """Of these documents, those that the caller may see."""
    wanted = set(doc_ids)
    return wanted if caller.sees is None else service.ledger.may_see(sorted(wanted), caller.sees)


def limited(only: Filter, service: Service, caller: Caller) -> Filter:
    """The filter, with what the caller may not see left out. Of its shelf and what is not on it, the shorter list is given to the
    search: a library of a million papers with one private one must not become a list of a million."""
    if only.doc_ids is not None:
        return replace(only, doc_ids=tuple(sorted(seen_documents(only.doc_ids, service, caller))))
    if caller.sees is None:
        return only
    hidden = service.ledger.hidden(caller.sees)
    if len(hidden) <= FEW:
        return replace(only, except_doc_ids=tuple(hidden))
    shelf = service.ledger.shelf(caller.sees)
    return replace(only, doc_ids=tuple(shelf)) if len(shelf) < len(hidden) else replace(only, except_doc_ids=tuple(hidden))


def seen_hits(hits: Sequence[Hit], service: Service, caller: Caller) -> list[Hit]:
    """The hits in documents that the caller may see. All are, where the filter was right: this is the lock behind the door."""
    seen = seen_documents({hit.doc_id for hit in hits}, service, caller)
    return [hit for hit in hits if hit.doc_id in seen]


def seen_runs(service: Service, caller: Caller) -> list[Run]:
    """The caller's runs and those of '', oldest first."""
    return [run for run in service.ledger.runs() if _sees(caller, run)]


def run_seen(run_id: str, service: Service, caller: Caller) -> Run:
    """The run of exactly this id; raises NotFound where there is none, or it is somebody else's."""
    if service.ledger.has_run(run_id):
        run = service.ledger.run(run_id)
        if run.id == run_id and _sees(caller, run):
            return run
    raise NotFound(f"No run has the id {run_id!r}. GET /v1/runs lists them.")


def run_owned(run_id: str, service: Service, caller: Caller) -> Run:
    """The run, to be changed; raises ScopeMissing where it is everybody's to read and not the caller's to change."""
    run = run_seen(run_id, service, caller)
    if caller.sees is not None and run.tenant != caller.tenant:
        raise ScopeMissing(f"Run {run_id} belongs to the library; only an administrator may change it. Nothing was changed.")
    return run


def reading_keys(service: Service, caller: Caller) -> tuple[str, ...] | None:
    """The reading keys of the runs that the caller sees; None for all."""
    if caller.sees is None:
        return None
    return tuple(sorted({run.reading_key for run in seen_runs(service, caller)}))


def _sees(caller: Caller, run: Run) -> bool:
    return caller.sees is None or run.tenant in ("", caller.sees)
