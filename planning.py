"""What a prompt would do before it does it: every unit of a selection with its route, and a slice of them read both ways.

Nothing is stored and nothing is claimed: a plan is a look at the library, a document at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from errors import SettingsInvalid
from extract.panel import read_all
from extract.routing.audit import Audit, Read, audit_slice, draw_slice
from extract.routing.lanes import lanes_of
from extract.routing.plan import Plan, RoutedDocument, plan_routes
from extract.routing.router import routed_units, with_sights
from records import Lane, Prompt, Reader
from settings import ModelSettings, RoutingSettings
from store.library import Library


def routed_documents(
    prompt: Prompt, at_hand: frozenset[Lane], doc_ids: Sequence[str], *, library: Library, routing: RoutingSettings
) -> Iterator[RoutedDocument]:
    """These documents with the route of each of their units; `at_hand` are the lanes that something reads."""
    lanes = lanes_of(prompt, at_hand)
    for doc_id in doc_ids:
        chunks, vectors = library.chunks([doc_id])[doc_id]
        conversions = [c for c in library.conversions(doc_id) if chunks and c.id == chunks[0].conversion_id]
        routed = routed_units(chunks, vectors, {c.id: c.figures for c in conversions}, prompt, lanes, routing)
        yield RoutedDocument(
            routed=tuple(
                (with_sights(unit, prompt, routing) if route.lane is Lane.VISION else unit, route) for unit, route in routed
            ),
            pages=conversions[0].pages if conversions else (),
        )


def plan_reading(
    prompt: Prompt,
    models: Mapping[Lane, ModelSettings | None],
    doc_ids: Sequence[str],
    *,
    library: Library,
    routing: RoutingSettings,
) -> Plan:
    """The decision table of a prompt over these documents; `models` are those at hand by lane."""
    documents = routed_documents(prompt, frozenset(models), doc_ids, library=library, routing=routing)
    return plan_routes(documents, prompt, models=models)


def audit_routes(
    prompt: Prompt,
    readers: Mapping[Lane, Reader],
    doc_ids: Sequence[str],
    *,
    n: int,
    seed: int,
    library: Library,
    routing: RoutingSettings,
) -> Audit:
    """Read n units both ways, as they are routed and in the dearest lane at hand. Raises SettingsInvalid where there is one lane only."""
    lanes = frozenset(readers)
    if len(lanes_of(prompt, lanes)) < 2:
        raise SettingsInvalid(
            f"The prompt {prompt.name!r} is read by one lane only, so there is nothing to compare. Nothing was read. "
            "Name a model of another lane with --model, such as --model qwen-4b+qwen-vl-8b."
        )
    documents = routed_documents(prompt, lanes, doc_ids, library=library, routing=routing)
    routed = (pair for document in documents for pair in document.routed)
    drawn = draw_slice(routed, n, prompt, lanes_of(prompt, lanes), seed=seed)
    return audit_slice(drawn, prompt, {lane: _alone(reader) for lane, reader in readers.items()})


def _alone(reader: Reader) -> Read:
    return lambda prompt, units: read_all(reader, prompt, units)
