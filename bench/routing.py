#!/usr/bin/env python3
"""Does the router send to eyes what needs eyes, and little else? On chunks labelled by looking at the pages.

    bench/routing.py LIBRARY [--misses]     --misses names what it gets wrong in the half that rules were written on

LIBRARY holds the papers of ../shared/corpus/papers (`reread add`). `routing_labels.json` says for chunks of them where each
belongs for the prompts of `routing_prompts/`; a chunk is found by its paper's sha256, its page and the place of its picture, or by
how it begins, so that labels outlive small changes of chunking. Half of the papers, by their hash, were set apart (`check`): no
rule was written on them. The pictures of `fresh` were drawn by lot from all papers when the rules were finished. Scans are left
out of the shares: they are not born digital.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from extract.prompts.files import load_prompt  # noqa: E402
from extract.routing.figures import label_of, unit_figures  # noqa: E402
from extract.routing.needs import needs_of  # noqa: E402
from extract.routing.pixels import crop_pixels, page_pixels  # noqa: E402
from extract.routing.router import route_unit, with_sights  # noqa: E402
from extract.units import make_units  # noqa: E402
from records import Box, Conversion, Lane, Prompt, Unit, UnitFigure, UnitKind  # noqa: E402
from settings import load_settings  # noqa: E402
from workplace import Workplace  # noqa: E402

LABELS = Path(__file__).with_name("routing_labels.json")
PROMPTS = sorted(Path(__file__).with_name("routing_prompts").glob("*.yaml"))
LANES = frozenset({Lane.TEXT, Lane.VISION})
NEAR = 30.0  #: points that the middle of a labelled picture may be away


@dataclass(frozen=True, slots=True)
class Paper:
    name: str
    conversion: Conversion
    units: tuple[Unit, ...]


def papers_of(root: Path) -> dict[str, Paper]:
    """The papers of this library by sha256, each chunk a unit."""
    library = Workplace(load_settings(library=root)).library
    found = {}
    for document in library.documents():
        chunks, _ = library.chunks([document.id])[document.id]
        conversions = library.conversions(document.id)
        if not chunks:
            continue
        own = next(conversion for conversion in conversions if conversion.id == chunks[0].conversion_id)
        figures = unit_figures(chunks, {own.id: own.figures})
        found[document.id] = Paper(document.name, own, tuple(make_units(chunks, None, UnitKind.CHUNK, figures=figures)))
    return found


def labelled_unit(label: Mapping[str, Any], units: Iterable[Unit]) -> Unit | None:
    """The unit that this label is of."""
    middle = _middle(label["box"]) if label["box"] else (-1e9, -1e9)
    if label["box"]:
        kind = "figure" if label["kind"] == "figure" else "formula"
        pictures = [(unit, f) for unit in units for f in unit.figures if f.crop.page == label["page"] and f.crop.kind == kind]
        around = [unit for unit, figure in pictures if _holds(figure, middle)]
        if len(around) == 1:  # also a picture that this one is a panel of
            return around[0]
        near = [
            (max(abs(a - b) for a, b in zip(middle, _middle_of(figure), strict=True)), number, unit)
            for number, (unit, figure) in enumerate(pictures)
        ]
        if near and min(near, key=lambda found: found[:2])[0] < NEAR:
            return min(near, key=lambda found: found[:2])[2]
    here = [unit for unit in units if label["page"] in unit.chunks[0].pages or label["page"] is None]
    if label["label"]:
        named = [u for u in here if u.chunks[0].kind.value == label["kind"] and label_of(u.chunks[0]) == label["label"]]
        if named:
            return named[0]
    if label["box"] and label["kind"] == "figure":  # a picture that is ornament is no picture of its unit
        at = [unit for unit in here if any(_is_in(place.box, middle) for place in unit.chunks[0].places)]
        if at:
            return at[0]
    begins = [unit for unit in here if label["starts"] and unit.chunks[0].text.startswith(label["starts"][:40])]
    within = [unit for unit in here if label["starts"] and label["starts"][:40] in unit.chunks[0].text]
    return next(iter([*begins, *within]), None)


def _middle(box: list[float]) -> tuple[float, float]:
    left, bottom, right, top = box
    return (left + right) / 2, (bottom + top) / 2


def _holds(figure: UnitFigure, point: tuple[float, float]) -> bool:
    return figure.crop.box is not None and _is_in(figure.crop.box, point)


def _is_in(box: Box, point: tuple[float, float]) -> bool:
    return box.left <= point[0] <= box.right and box.bottom <= point[1] <= box.top


def _middle_of(figure: UnitFigure) -> tuple[float, float]:
    box = figure.crop.box
    return _middle([box.left, box.bottom, box.right, box.top]) if box else (-1e9, -1e9)


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    papers = papers_of(Path(sys.argv[1]))
    prompts = [load_prompt(path) for path in PROMPTS]
    labels = json.loads(LABELS.read_text(encoding="utf-8"))
    print(f"{len(labels)} chunks, {sum(len(label['lanes']) for label in labels)} labels\n")
    show_labels(labels, papers, prompts, misses="--misses" in sys.argv)
    show_shares(papers, prompts)
    return 0


def show_labels(labels: list[dict[str, Any]], papers: Mapping[str, Paper], prompts: list[Prompt], *, misses: bool) -> None:
    """Per prompt and half: what needs eyes and is sent to them, and what is sent besides."""
    told: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    lost = 0
    for label in labels:
        paper = papers.get(label["sha256"])
        unit = labelled_unit(label, paper.units) if paper else None
        lost += unit is None
        for prompt in prompts:
            wanted = label["lanes"].get(prompt.name)
            if wanted is None:
                continue
            route = route_unit(unit, prompt, LANES) if unit else None
            is_seen = route is not None and route.lane is Lane.VISION
            for half in (label["set"], "all"):
                told[prompt.name, half][f"{wanted == 'vision'}-{is_seen}"] += 1
            if misses and label["set"] == "rules" and (wanted == "vision") != is_seen:
                print(f"  {prompt.name}: {label['paper']} p{label['page']} {label['label']} wants {wanted}: {route}")
    print(
        f"not found in the library: {lost}\n\n| prompt | half | labels | need eyes | sent | recall | sent besides |\n|{'---|' * 7}"
    )
    for (name, half), counts in sorted(told.items()):
        need, sent = counts["True-True"] + counts["True-False"], counts["True-True"]
        recall = f"{sent / need:.3f}" if need else "-"
        print(f"| {name} | {half} | {counts.total()} | {need} | {sent} | {recall} | {counts['False-True']} |")
    for half in ("rules", "check", "fresh", "all"):
        of = [counts for (_, own), counts in told.items() if own == half]
        need, sent = sum(c["True-True"] + c["True-False"] for c in of), sum(c["True-True"] for c in of)
        print(f"| **together** | {half} | {sum(c.total() for c in of)} | {need} | {sent} | {sent / max(need, 1):.3f} | |")


def show_shares(papers: Mapping[str, Paper], prompts: list[Prompt]) -> None:
    """Per prompt, over all chunks of the born-digital papers: the share sent to eyes, and their pixels beside whole pages."""
    born = [paper for paper in papers.values() if not any(page.ocr_share > 0.5 for page in paper.conversion.pages)]
    units = [unit for paper in born for unit in paper.units]
    pages = sum(page_pixels(page) for paper in born for page in paper.conversion.pages)
    print(f"\n{len(born)} born-digital papers, {len(units)} chunks, {sum(p.conversion.n_pages for p in born)} pages\n")
    print(f"| prompt | asks for | text | skipped | vision | share | pixels | of whole pages |\n|{'---|' * 8}")
    shares = []
    for prompt in prompts:
        lanes: Counter[Lane] = Counter()
        pixels = 0
        for unit in units:
            lane = route_unit(unit, prompt, LANES).lane
            lanes[lane] += 1
            pixels += sum(crop_pixels(f.crop) for f in with_sights(unit, prompt).figures) if lane is Lane.VISION else 0
        sights = ", ".join(need.sight for need in needs_of(prompt)) or "words"
        share, of_pages = lanes[Lane.VISION] / len(units), pixels / pages
        if sights != "words":
            shares.append((share, of_pages))
        print(
            f"| {prompt.name} | {sights} | {lanes[Lane.TEXT]} | {lanes[Lane.SKIP]} | {lanes[Lane.VISION]} | {share:.3f} "
            f"| {pixels / 1e6:.1f} M | {of_pages:.3f} |"
        )
    mean = [sum(values) / len(shares) for values in zip(*shares, strict=True)]
    print(f"| **mean of those that ask for sight** | | | | | {mean[0]:.3f} | | {mean[1]:.3f} |")


if __name__ == "__main__":
    raise SystemExit(main())
