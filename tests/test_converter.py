"""The converter as the child process uses it: a record for what can be read, a named error for what cannot."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pdf_maker import BOLD, PdfMaker

from errors import Damaged, Encrypted, NoTextLayer, RereadError, TooLarge, UnsupportedFormat, WeightsMissing
from ingest.converter import Convert, converter_key, open_converter

SENTENCES = [
    "The river was sampled twice a month at the same three places, and the water was kept",
    "in the dark until it was read, so that the light of the laboratory would not change it",
    "before the numbers were taken down by the two who did not know where it had come from.",
]


@pytest.fixture(scope="module")
def convert() -> Convert:
    return open_converter("rules", max_pages=60, timeout_s=60, artifacts=None)


def paper() -> PdfMaker:
    pdf = PdfMaker()
    pdf.text(60, 780, "A short study of three places on one river", size=18)
    pdf.text(60, 740, "Introduction", size=13, font=BOLD)
    pdf.lines(60, 720, SENTENCES)
    pdf.box(60, 500, 300, 120)
    pdf.text(60, 485, "Figure 1. Where the three places are.", size=9)
    pdf.page().lines(60, 780, SENTENCES)
    return pdf


def written(pdf: PdfMaker, tmp_path: Path, name: str = "paper.pdf") -> Path:
    path = tmp_path / name
    path.write_bytes(pdf.to_bytes())
    return path


def test_every_item_stands_on_its_page(convert: Convert, tmp_path: Path) -> None:
    made = convert(written(paper(), tmp_path))

    assert made.n_pages == 2
    assert not made.is_partial
    items = [item for item, _ in made.document.iterate_items(with_groups=False)]
    assert items
    for item in items:
        for prov in item.prov:  # type: ignore[attr-defined]
            size = made.document.pages[prov.page_no].size
            assert 0 <= prov.bbox.l < prov.bbox.r <= size.width
            assert 0 <= prov.bbox.b < prov.bbox.t <= size.height


def test_title_heading_and_paragraph_come_out_as_markdown(convert: Convert, tmp_path: Path) -> None:
    markdown = convert(written(paper(), tmp_path)).markdown

    assert markdown.startswith("# A short study of three places on one river")
    assert "\n## Introduction\n" in markdown
    assert " ".join(SENTENCES) in markdown


def test_a_figure_is_cut_out_as_png_with_its_caption_bound(convert: Convert, tmp_path: Path) -> None:
    from PIL import Image

    made = convert(written(paper(), tmp_path))

    [(ref, page, box, png)] = made.figures
    assert (ref, page) == ("#/pictures/0", 1)
    assert Image.open(io.BytesIO(png)).width == pytest.approx((box.right - box.left) * 150 / 72, abs=2)
    assert made.document.pictures[0].caption_text(made.document).startswith("Figure 1.")


def test_a_page_without_text_is_named(convert: Convert, tmp_path: Path) -> None:
    pdf = paper()
    pdf.page().box(100, 100, 300, 300)
    pdf.page().lines(60, 780, SENTENCES)

    made = convert(written(pdf, tmp_path))

    assert [page.n_chars > 0 for page in made.pages] == [True, True, False, True]
    assert any(warning.endswith(": 3") for warning in made.warnings)


def test_pages_without_any_text_are_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(NoTextLayer, match=r"scan\.pdf"):
        convert(written(PdfMaker().box(0, 0, 595, 842), tmp_path, "scan.pdf"))


def test_what_is_no_pdf_is_refused_by_its_bytes(convert: Convert, tmp_path: Path) -> None:
    path = tmp_path / "page.pdf"
    path.write_bytes(b"<html><body>moved</body></html>" + b" " * 2000 + b"%PDF-1.4")

    with pytest.raises(UnsupportedFormat, match=r"page\.pdf"):
        convert(path)


def test_a_broken_pdf_is_damaged(convert: Convert, tmp_path: Path) -> None:
    path = tmp_path / "half.pdf"
    path.write_bytes(b"%PDF-1.4\n1 0 obj\n<< /Type /Cat")

    with pytest.raises(Damaged, match=r"half\.pdf"):
        convert(path)


def test_too_many_pages_are_refused_before_docling(convert: Convert, tmp_path: Path) -> None:
    pdf = PdfMaker(pages=[[] for _ in range(61)])

    with pytest.raises(TooLarge, match="61 pages, 60 are allowed"):
        convert(written(pdf, tmp_path))


def test_a_page_larger_than_the_standard_allows_is_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="Page 1"):
        convert(written(PdfMaker(width=20_000), tmp_path))


def test_the_key_names_engine_and_versions() -> None:
    key = converter_key("rules")

    assert key.startswith("rules/")
    assert " docling/" in key and " docling-parse/" in key
    assert converter_key("neural") != key


def test_neural_says_what_is_missing_before_any_document(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="reread models fetch"):
        open_converter("neural", max_pages=10, timeout_s=10, artifacts=tmp_path)


@pytest.mark.corpus
def test_a_locked_file_asks_for_its_password(convert: Convert, corpus: Path) -> None:
    with pytest.raises(Encrypted, match="password"):
        convert(corpus / "gnarly" / "encrypted_issue6010_1.pdf")


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["broken", "notpdf", "encrypted", "pagesize", "scan", "text"])
def test_gnarly_files_end_with_a_result_or_a_named_error(convert: Convert, corpus: Path, kind: str) -> None:
    small = [path for path in sorted((corpus / "gnarly").glob(f"{kind}_*.pdf")) if path.stat().st_size < 100_000]

    assert small
    for path in small:
        try:
            assert convert(path).pages
        except RereadError as error:
            assert path.name in str(error)


@pytest.mark.corpus
def test_a_broken_file_is_not_called_encrypted_because_the_one_before_was(convert: Convert, corpus: Path) -> None:
    with pytest.raises(Encrypted):
        convert(corpus / "gnarly/encrypted_bug1782186.pdf")
    with pytest.raises(Damaged):
        convert(corpus / "gnarly/broken_poppler-395-0-fuzzed.pdf")
