"""Find chunks or extractions: by meaning (vectors), by words (full text), or both, ranked by LanceDB.

Hybrid search fuses the two rankings by reciprocal rank (RRF; Cormack et al. 2009), LanceDB's own implementation. Left alone, it ranks no
more of each than are asked for, and what stands eleventh in both is never seen: it is given more of both than it has to return. An
extraction has the vector of the unit it was read from, and its own words in the full-text index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from records import Document, Filter, Hit, SearchMode
from store import tables
from store.library import Library, within

if TYPE_CHECKING:
    import numpy as np

#: Of each ranking that are fused, and how slowly a rank's weight falls. On SciFact's 809 train claims (bench/score_scifact.py) nDCG@10 is
#: 0.725 with these and 0.714 with LanceDB's own 10 and 60; between 50 and 200, and 5 and 20, it changes by 0.005 at most.
FUSED, RRF_K = 100, 10
#: Pages that a filter can name one by one; no paper has more, and '1-999999999' must not become SQL of that length.
MOST_PAGES = 10_000

_SCORES = {
    SearchMode.HYBRID: ("_relevance_score", "rrf"),
    SearchMode.TEXT: ("_score", "bm25"),
    SearchMode.VECTOR: ("_distance", "cosine"),
}


def search(
    library: Library,
    query: str,
    *,
    vector: np.ndarray | None,
    mode: SearchMode = SearchMode.HYBRID,
    limit: int = 10,
    only: Filter,
    in_extractions: bool = False,
    documents: Callable[[Sequence[str]], Iterable[Document]] | None = None,
) -> list[Hit]:
    """The best hits, best first. `vector` is the query's, shape (dimension,); needed for every mode but text. `documents` gives
    documents by their ids; the library's own otherwise."""
    name = tables.EXTRACTIONS if in_extractions else tables.CHUNKS
    table = library.table(name)
    if not query.strip() or not table.count_rows():
        return []
    builder = _builder(table, _words(query), vector, mode)
    depth = max(limit, FUSED) if mode is SearchMode.HYBRID else limit
    rows = builder.where(_where(only, in_extractions), prefilter=True).limit(depth).to_arrow()[:limit].to_pylist()
    ids = sorted({row["doc_id"] for row in rows})
    known = {document.id: document for document in (documents or library.documents)(ids)}
    return [_hit(row, known[row["doc_id"]], mode) for row in rows if row["doc_id"] in known]


def _words(query: str) -> str:
    """The query as plain words: what a full-text query language would take for an operator is only text here."""
    return "".join(sign if sign.isalnum() or sign in "-.%°" else " " for sign in query)


def _builder(table: Any, words: str, vector: np.ndarray | None, mode: SearchMode) -> Any:
    if mode is SearchMode.TEXT:
        return table.search(words, query_type="fts", fts_columns="searchable")
    if vector is None:
        raise ValueError(f"mode {mode.value!r} needs the query's vector")
    if mode is SearchMode.VECTOR:
        return table.search(vector, vector_column_name="vector").distance_type("cosine")
    from lancedb.rerankers import RRFReranker

    hybrid = table.search(query_type="hybrid", vector_column_name="vector", fts_columns="searchable")
    return hybrid.vector(vector).text(words).distance_type("cosine").rerank(RRFReranker(K=RRF_K))


def _where(only: Filter, in_extractions: bool) -> str:
    terms = ["is_current AND status = 'ok' AND n_values > 0" if in_extractions else "is_current"]
    if only.doc_ids is not None:
        terms.append(within("doc_id", only.doc_ids))
    if only.except_doc_ids:
        terms.append(f"NOT ({within('doc_id', only.except_doc_ids)})")
    if only.years is not None:
        terms.append(f"year BETWEEN {only.years[0]} AND {only.years[1]}")
    if only.pages is not None:
        wanted = range(only.pages[0], min(only.pages[1], only.pages[0] + MOST_PAGES) + 1)
        terms.append(f"array_has_any(pages, make_array({', '.join(map(str, wanted))}))" if wanted else "false")
    if only.kinds is not None and not in_extractions:
        terms.append(within("kind", only.kinds))
    if only.reading_key is not None:
        terms.append(within("reading_key", [only.reading_key]))
    if only.reading_keys is not None and in_extractions:
        terms.append(within("reading_key", only.reading_keys))
    return " AND ".join(terms)


def _hit(row: dict[str, Any], document: Document, mode: SearchMode) -> Hit:
    column, kind = _SCORES[mode]
    score = 1 - row[column] if mode is SearchMode.VECTOR else row[column]
    record = row.get("record")
    return Hit(
        score=float(score),
        score_kind=kind,
        doc_id=document.id,
        doc_name=document.name,
        title=document.title,
        year=document.year,
        chunk_id=row["chunk_ids"][0] if record else row["id"],
        kind=row.get("kind") or row.get("prompt_name") or "",
        headings=tuple(row.get("headings") or ()),
        pages=tuple(row["pages"]),
        text=row.get("text") or row["searchable"],
        record=json.loads(record) if record else None,
        doi=document.doi,
        places=tables.places_of(row),
    )
