"""The neural profile and the converter that chooses: which pages Docling's models read, what becomes of their faults, and what a user is
told where the weights are missing. No weights are to be had here, so a function of ours reads in the models' place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docling_core.types.doc import DoclingDocument, ProvenanceItem, Size
from docling_core.types.doc.base import BoundingBox, CoordOrigin
from docling_core.types.doc.labels import DocItemLabel
from paper_maker import PaperMaker
from pdf_maker import PdfMaker
from processes import ROOT

from errors import ConversionFailed, WeightsMissing
from ingest import neural
from ingest.choosing import Chooser, merged
from ingest.converter import _open_rules, converter_key, open_converter
from ingest.neural import NeuralPages, open_neural
from ingest.wire import Backend
from records import OcrChoice

PAGES = [
    "The river was sampled twice a month at the same three places, and the water was kept in the dark.",
    "The numbers were taken down by two people who did not know where the water had come from.",
    "No place differed from another by more than the error of the instrument that was used.",
    "We thank those who carried the bottles, and those who washed them when the work was over.",
]


def document_of(first: int, last: int) -> DoclingDocument:
    """What Docling gives for a range of pages: they keep their own numbers."""
    document = DoclingDocument(name="models")
    box = BoundingBox(l=50, r=350, t=700, b=690, coord_origin=CoordOrigin.BOTTOMLEFT)
    for page in range(first, last + 1):
        document.add_page(page_no=page, size=Size(width=595, height=842))
        text = f"Page {page} as the models read it."
        document.add_text(DocItemLabel.TEXT, text, prov=ProvenanceItem(page_no=page, bbox=box, charspan=(0, len(text))))
    return document


class Models:
    """Reads as Docling's models do, and keeps what it was asked for."""

    def __init__(self, read: Callable[[int, int], DoclingDocument] = document_of) -> None:
        self.asked: list[tuple[int, int]] = []
        self._read = read

    def __call__(self, path: Path, first: int, last: int) -> NeuralPages:
        self.asked.append((first, last))
        document = self._read(first, last)
        return NeuralPages(document, dict.fromkeys(document.pages, 0.9))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pdf = PdfMaker()
    for number, text in enumerate(PAGES):
        if number:
            pdf.page()
        pdf.text(60, 780, text)
    path = tmp_path_factory.mktemp("paper") / "river.pdf"
    path.write_bytes(pdf.to_bytes())
    return path


@pytest.fixture
def result(paper: Path) -> Any:
    """The rules' result, sure of each page until a test says otherwise."""
    found = _open_rules(60, Backend.DOCLING_PARSE, ocr=OcrChoice(), ocr_page_s=20, artifacts=None).convert(paper)
    assert all(page.layout_score == 1.0 for page in found.confidence.pages.values())
    return found


def doubt(result: Any, *pages: int) -> None:
    for page in pages:
        result.confidence.pages[page].layout_score = 0.1


def texts(document: DoclingDocument) -> list[tuple[int, str]]:
    return [(item.prov[0].page_no, item.text) for item, _ in document.iterate_items() if item.prov]  # type: ignore[attr-defined]


def test_where_the_rules_are_sure_the_models_read_nothing_but_their_first_page(result: Any, paper: Path) -> None:
    models = Models()
    chooser, before = Chooser(models), result.document.export_to_markdown()

    assert chooser.improve(result, paper) == []
    assert chooser.improve(result, paper) == []

    assert models.asked == [(1, 1)]
    assert result.document.export_to_markdown() == before


@pytest.mark.parametrize("unsure", [[1], [2], [4], [2, 3], [1, 3], [1, 2, 3, 4]])
def test_pages_of_low_confidence_are_the_models_in_their_place(result: Any, paper: Path, unsure: list[int]) -> None:
    doubt(result, *unsure)

    [note] = Chooser(Models()).improve(result, paper)

    assert texts(result.document) == [
        (n, f"Page {n} as the models read it." if n in unsure else text) for n, text in enumerate(PAGES, start=1)
    ]
    assert list(result.document.pages) == [1, 2, 3, 4]
    assert result.document.origin.filename == "river.pdf"
    assert [result.confidence.pages[n].layout_score for n in unsure] == [0.9] * len(unsure)
    assert "were read by Docling's models" in note


def test_pages_that_follow_each_other_are_read_at_once(result: Any, paper: Path) -> None:
    doubt(result, 1, 3, 4)
    models = Models()

    Chooser(models).improve(result, paper)

    assert models.asked == [(1, 1), (1, 1), (3, 4)]


def test_the_models_fault_leaves_the_rules_reading_and_a_note(result: Any, paper: Path) -> None:
    def fail(first: int, last: int) -> DoclingDocument:
        raise RuntimeError("CUDA out of memory.") if last > 2 else ConversionFailed("no reason given")

    doubt(result, 2, 4)

    notes = Chooser(Models(fail)).improve(result, paper)

    assert [text for _, text in texts(result.document)] == PAGES
    assert notes == [
        "the models failed on pages 2 (no reason given); there the rules' reading was kept",
        "the models failed on pages 4 (CUDA out of memory); there the rules' reading was kept",
    ]


def test_pages_that_the_models_leave_out_or_empty_stay_the_rules(result: Any, paper: Path) -> None:
    def half(first: int, last: int) -> DoclingDocument:
        document = document_of(first, first)
        document.add_page(page_no=first + 1, size=Size(width=595, height=842))  # read, and nothing found
        return document

    doubt(result, 2, 3, 4)

    notes = Chooser(Models(half)).improve(result, paper)

    assert [text for _, text in texts(result.document)] == [PAGES[0], "Page 2 as the models read it.", *PAGES[2:]]
    assert notes[1] == "the models gave nothing for pages 3-4; there the rules' reading was kept"


def test_without_weights_auto_is_the_rules_and_says_where_they_are_unsure(result: Any, paper: Path) -> None:
    doubt(result, 2, 3)

    [note] = Chooser(None, "it needs weights").improve(result, paper)

    assert [text for _, text in texts(result.document)] == PAGES
    assert note == "the layout of pages 2-3 is doubtful; the models could not read them: it needs weights"


def test_a_paragraph_over_two_pages_keeps_what_stands_on_the_page_that_stays() -> None:
    made = PaperMaker(n_pages=2)
    made.text("Before.")
    made.over_two_pages("It begins on the first page", "and ends on the second.")
    made.entries("An entry on page one.")

    whole = merged(made.document, {2: document_of(2, 2)})

    assert [text for _, text in texts(whole)] == [
        "Before.",
        "It begins on the first page",
        "An entry on page one.",
        "Page 2 as the models read it.",
    ]
    [cut] = [item for item in whole.texts if item.text.startswith("It begins")]
    assert [(prov.page_no, prov.charspan) for prov in cut.prov] == [(1, (0, 27))]
    assert len(made.document.texts[1].prov) == 2  # the document that was given is as it was


def test_a_page_that_nobody_read_stays_missing() -> None:
    made = PaperMaker(n_pages=4)
    made.text("First.", page=1)
    made.text("Fourth.", page=4)
    del made.document.pages[2]

    whole = merged(made.document, {3: document_of(3, 3)})

    assert list(whole.pages) == [1, 3, 4]
    assert texts(whole) == [(1, "First."), (3, "Page 3 as the models read it."), (4, "Fourth.")]


def test_auto_without_weights_converts_as_the_rules_do_under_their_name(paper: Path, tmp_path: Path) -> None:
    auto, rules = (open_converter(name, max_pages=10, timeout_s=60, artifacts=tmp_path) for name in ("auto", "rules"))

    assert auto(paper).markdown == rules(paper).markdown
    assert converter_key("auto", artifacts=tmp_path) == converter_key("rules", artifacts=tmp_path)


def test_auto_with_weights_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.converter.missing_parts", lambda _: [])

    assert converter_key("auto") not in (converter_key("rules"), converter_key("neural"))


def test_auto_puts_the_models_pages_into_the_paper(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.choosing.missing_parts", lambda _: [])
    monkeypatch.setattr("ingest.choosing.open_reader", lambda *_: Models())
    monkeypatch.setattr("ingest.layout.models.layout_score", lambda page, _: 0.2 if page.number == 2 else 1.0)

    made = open_converter("auto", max_pages=10, timeout_s=60, artifacts=None)(paper)

    assert "Page 2 as the models read it." in made.markdown and PAGES[1] not in made.markdown
    assert made.warnings[0] == "pages 2 were read by Docling's models: the rules were unsure of their layout"
    assert made.n_pages == 4 and not made.is_partial


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as raised:
        open_neural(10, tmp_path)

    sentence = str(raised.value)
    assert str(tmp_path / "docling-project--docling-layout-heron") in sentence
    assert f"reread models fetch --artifacts {tmp_path}" in sentence
    assert "pip install 'reread[neural]'" in sentence and "No document was read." in sentence


def test_weights_that_cannot_be_loaded_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neural, "_PACKAGES", ())
    for folder in (tmp_path / neural.LAYOUT_FOLDER, tmp_path / neural.TABLES_FOLDER / "model_artifacts/tableformer/accurate"):
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"")

    assert neural.missing_parts(tmp_path) == []
    with pytest.raises(WeightsMissing, match="could not be loaded"):
        open_neural(10, tmp_path)


def test_a_download_that_broke_off_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / neural.LAYOUT_FOLDER).mkdir()

    assert any(neural.LAYOUT_FOLDER in part for part in neural.missing_parts(tmp_path))


def test_fetching_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "cli", "models", "fetch", "--artifacts", str(tmp_path / "models")],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}, check=False,
    )  # fmt: skip

    assert run.returncode == 3
    assert "could not be fetched" in run.stderr and "--artifacts" in run.stderr
