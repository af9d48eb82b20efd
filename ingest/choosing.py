"""The converter 'auto': rules for every page, and Docling's models for the pages where the rules are unsure.

The rules read first, because they cost a tenth and are right on most pages; their own score of a page's layout (layout/trust.py) says
where they are not. A page that the models read takes the place of the rules' page as a whole. A newcomer would give the whole document to
the models when one page is odd: that page is then a table or a form, and the rest of the paper loses what the rules do better (levels,
running heads, paragraphs over a page's end).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from errors import RereadError
from ingest.neural import ReadPages, lack_of, missing_parts, open_reader

if TYPE_CHECKING:
    from docling.datamodel.document import ConversionResult
    from docling_core.types.doc import DocItem, DoclingDocument

#: Layout scores below this ask for the models: one page in six of papers, which has lost three in ten of its paragraphs.
UNSURE = 0.5
#: What torch and Docling raise for a page; anything else is a fault of ours and ends the conversion by name.
_FAULTS = (RereadError, RuntimeError, OSError, ValueError)


class Chooser:
    """Puts the models' pages in the place of those where the rules are unsure."""

    def __init__(self, read: ReadPages | None, lack: str = "") -> None:
        """`read` is None where the weights are missing, and `lack` says what is."""
        self._read, self._lack = read, lack
        self._is_cold = True

    def improve(self, result: ConversionResult, path: Path) -> list[str]:
        """Change the rules' result in place; what a reader of the document should know of it."""
        unsure = [n for n, page in sorted(result.confidence.pages.items()) if page.layout_score < UNSURE]  # False for NaN
        if self._read and self._is_cold:
            self._warm_up(self._read, path)
        if not unsure:
            return []
        if self._read is None:
            return [f"the layout of pages {_listed(unsure)} is doubtful; the models could not read them: {self._lack}"]
        read, notes = self._read_runs(self._read, path, unsure)
        if read:
            result.document = merged(result.document, {number: found[0] for number, found in read.items()})
            for number, (_, score) in read.items():
                result.confidence.pages[number].layout_score = score
            notes.insert(0, f"pages {_listed(read)} were read by Docling's models: the rules were unsure of their layout")
        return notes

    def _warm_up(self, read: ReadPages, path: Path) -> None:
        """One page for nothing, with the first document, which in a child is one of our own: models import more with their first page,
        and afterwards nothing can be imported."""
        self._is_cold = False
        self._pages(read, path, 1, 1)

    def _read_runs(
        self, read: ReadPages, path: Path, pages: Sequence[int]
    ) -> tuple[dict[int, tuple[DoclingDocument, float]], list[str]]:
        """Each page that the models read, with the document it stands in and its score; notes on the others."""
        found: dict[int, tuple[DoclingDocument, float]] = {}
        notes = []
        for run in runs(pages):
            given = self._pages(read, path, run[0], run[-1])
            if isinstance(given, str):
                notes.append(f"the models failed on pages {_listed(run)} ({given}); there the rules' reading was kept")
                continue
            document, scores = given
            texts = {prov.page_no for item, _ in document.iterate_items() for prov in getattr(item, "prov", ())}
            found.update({n: (document, scores.get(n, float("nan"))) for n in run if n in document.pages and n in texts})
            if empty := [number for number in run if number not in found]:
                notes.append(f"the models gave nothing for pages {_listed(empty)}; there the rules' reading was kept")
        return found, notes

    def _pages(self, read: ReadPages, path: Path, first: int, last: int) -> tuple[DoclingDocument, dict[int, float]] | str:
        try:
            given = read(path, first, last)
        except _FAULTS as error:
            return str(error).rstrip(".") or type(error).__name__
        return given.document, given.scores


def open_chooser(timeout_s: float, artifacts: Path | None) -> Chooser:
    """The chooser of this machine: with the models where their weights are there."""
    if missing := missing_parts(artifacts):
        return Chooser(None, lack_of(missing, artifacts))
    return Chooser(open_reader(timeout_s, artifacts))


def merged(rules: DoclingDocument, pages: dict[int, DoclingDocument]) -> DoclingDocument:
    """The rules' document with these pages taken from the documents given, in order of the pages."""
    from docling_core.types.doc import DoclingDocument, PageItem, Size

    whole = rules.model_copy(deep=True)
    last = max([*whole.pages, *pages])
    gaps = [number for number in range(1, last + 1) if number not in whole.pages]
    for number in gaps:  # joining counts pages on: one that nobody read must be counted too
        whole.pages[number] = PageItem(page_no=number, size=Size())
    whole.pages = dict(sorted(whole.pages.items()))
    parts = [_part(pages.get(run[0], whole), run) for run in _by_origin(range(1, last + 1), pages)]
    joined = DoclingDocument.concatenate(parts)
    for number in gaps:
        if number not in pages:
            del joined.pages[number]
    joined.name, joined.origin = rules.name, rules.origin
    return joined


def _by_origin(numbers: Iterable[int], pages: dict[int, DoclingDocument]) -> Iterator[list[int]]:
    """Runs of pages that come from one document."""
    run: list[int] = []
    for number in numbers:
        if run and pages.get(number) is not pages.get(run[-1]):
            yield run
            run = []
        run.append(number)
    yield run


def _part(document: DoclingDocument, run: Sequence[int]) -> DoclingDocument:
    """These pages alone. A text that goes on elsewhere keeps only what stands here."""
    from docling_core.types.doc import GroupItem

    shift = 1 - min(document.pages)  # docling-core counts the pages of a part from where its document begins
    part = document.filter(set(run))
    here = {number + shift for number in run}
    for text in part.texts:
        if any(prov.page_no not in here for prov in text.prov):
            _cut(text, here)
    for float_ in [*part.tables, *part.pictures]:
        float_.prov = [prov for prov in float_.prov if prov.page_no in here]
    bare = [group for group in part.groups if isinstance(group, GroupItem) and not group.children]
    if bare:
        part.delete_items(node_items=[*bare])
    return part


def _cut(item: DocItem, here: set[int]) -> None:
    kept = [prov for prov in item.prov if prov.page_no in here]
    text, end = "", 0
    for prov in kept:
        words = item.text[slice(*prov.charspan)].strip()  # type: ignore[attr-defined]
        text = f"{text} {words}".strip()
        prov.charspan = (end, len(text))
        end = len(text)
    item.prov = kept
    item.text = item.orig = text  # type: ignore[attr-defined]


def runs(pages: Iterable[int]) -> list[list[int]]:
    """[1, 2, 5] as [[1, 2], [5]]."""
    found: list[list[int]] = []
    for page in sorted(pages):
        if found and page == found[-1][-1] + 1:
            found[-1].append(page)
        else:
            found.append([page])
    return found


def _listed(pages: Iterable[int]) -> str:
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs(pages))
