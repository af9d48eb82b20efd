"""Scans: which pages are read with OCR, and what comes of them. Real pages through the real models."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import NoTextLayer, WeightsMissing
from ingest.converter import Convert, ConvertedPaper, converter_key, open_converter
from ingest.layout.page import PageSignals, Rect, Word
from ingest.letters import is_unmapped, looks_scrambled
from ingest.ocr_lines import PLAIN
from ingest.ocr_pages import Doubt, doubt_of
from records import OcrChoice
from tests.pdf_maker import BOLD, ITALIC, PdfMaker

SENTENCES = [
    "The river was sampled twice a month at the same three places, and",
    "the water was kept in the dark until it was measured in the evening.",
    "Each of the samples was divided into two parts of which the second",
    "was stored for a year and measured again by another person, so that",
    "the drift of the instrument could be told from that of the water.",
]


@pytest.fixture(scope="module")
def convert() -> Convert:
    return open_converter("rules", max_pages=60, timeout_s=300, artifacts=None, ocr=OcrChoice(figures=True))


def paper(top: float = 780) -> PdfMaker:
    pdf = PdfMaker()
    pdf.text(60, top, "Nitrate in a small river", size=18, font=BOLD)
    pdf.text(60, top - 40, "1 Introduction", size=12, font=BOLD)
    pdf.lines(60, top - 60, SENTENCES)
    pdf.text(60, top - 150, "2 Methods", size=12, font=BOLD)
    pdf.lines(60, top - 170, SENTENCES)
    return pdf


def scanned(pdf: bytes, *, degrees: float = 0, dpi: int = 150) -> bytes:
    """The same pages as pictures of themselves, turned counter-clockwise."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        pictures = [page.render(scale=dpi / 72).to_pil().convert("L") for page in document]
    turned = [picture.rotate(degrees, expand=True, fillcolor=255) for picture in pictures]
    made = io.BytesIO()
    turned[0].save(made, "PDF", save_all=True, append_images=turned[1:], resolution=dpi)
    return made.getvalue()


@pytest.fixture
def read(convert: Convert, tmp_path: Path) -> Callable[[bytes], ConvertedPaper]:
    def read(pdf: bytes) -> ConvertedPaper:
        path = tmp_path / "paper.pdf"
        path.write_bytes(pdf)
        return convert(path)

    return read


def bare(text: str) -> str:
    """Without stops and commas, of which OCR may lose one."""
    return re.sub(r"[.,]", "", text)


def headings(made: ConvertedPaper) -> list[str]:
    return re.findall(r"^#+ (.*)$", made.markdown, re.M)


@pytest.mark.parametrize("degrees", [0, 0.6, 90, -90, 180])
def test_a_scan_reads_as_the_page_did_however_it_lies(read, degrees):
    made = read(scanned(paper().to_bytes(), degrees=degrees))

    assert headings(made) == ["Nitrate in a small river", "1 Introduction", "2 Methods"]
    paragraphs = [block for block in made.markdown.split("\n\n") if block.startswith("The river")]
    assert [bare(paragraph) for paragraph in paragraphs] == [bare(" ".join(SENTENCES))] * 2


def test_the_boxes_of_a_turned_scan_are_those_of_the_page_as_it_is_shown(read):
    upright = read(scanned(paper().to_bytes()))
    turned = read(scanned(paper().to_bytes(), degrees=180))

    (one,), (other,) = (made.document.texts[0].prov for made in (upright, turned))
    assert one.bbox.b > 700
    assert other.bbox.t < 142
    assert (one.bbox.l + other.bbox.r, one.bbox.t + other.bbox.b) == pytest.approx((595, 842), abs=3)


def test_what_was_read_with_ocr_is_named_with_its_confidence(read):
    made = read(scanned(paper().to_bytes()))

    (page,) = made.pages
    assert page.ocr_share == 1.0
    assert 0.9 < page.ocr_confidence <= page.confidence <= 1.0  # of the text, and of text and layout
    assert any("read with OCR" in warning and "pages 1" in warning for warning in made.warnings)


def test_only_the_pages_without_text_are_read_with_ocr(read, tmp_path):
    import pypdfium2

    mixed = pypdfium2.PdfDocument.new()
    for part in (paper().to_bytes(), scanned(paper(top=600).to_bytes())):
        mixed.import_pages(pypdfium2.PdfDocument(part))
    mixed.save(tmp_path / "mixed.pdf")

    made = read((tmp_path / "mixed.pdf").read_bytes())

    assert [page.ocr_share for page in made.pages] == [0.0, 1.0]
    assert headings(made).count("1 Introduction") == 2


def test_bold_and_italic_are_told_from_the_ink(convert, read):
    pdf = PdfMaker()
    y = pdf.lines(60, 780, [*SENTENCES, *SENTENCES])
    pdf.text(60, y - 20, "Sampling and storage", font=BOLD)
    pdf.lines(60, y - 32, SENTENCES)
    pdf.text(60, y - 130, "Instruments and people", font=ITALIC)
    pdf.lines(60, y - 142, SENTENCES)

    made = read(scanned(pdf.to_bytes(), dpi=200))

    assert headings(made) == ["Sampling and storage", "Instruments and people"]


def test_letters_shifted_by_one_are_no_language():
    text = " ".join([*SENTENCES, *SENTENCES])
    assert not looks_scrambled(text)
    assert looks_scrambled("".join(chr(ord(c) + 1) if c.isalpha() else c for c in text))


def test_letters_of_all_scripts_together_are_no_language():
    assert looks_scrambled("ΰԔϸЇΨߙϣÎgķϢʆiͳ\u0cc5ဍഀඥ\u0a52ǊһӍΉʽીರ͟ܥ" * 4)
    assert looks_scrambled("¹ØÓÚºì¾ü×÷Õ½µÄÔÔòÉÂÊ" * 8)
    assert not looks_scrambled("標準マーケットモデルは次元で説明する where α and β are positive, " * 4)


@pytest.mark.parametrize(
    "text",
    [
        "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki ja omatunto, ja "
        "heidän on toimittava toisiaan kohtaan veljeyden hengessä. Jokainen on oikeutettu kaikkiin tässä julistuksessa "
        "esitettyihin oikeuksiin ja vapauksiin ilman minkäänlaista rotuun, väriin, sukupuoleen, kieleen, uskontoon, poliittiseen "
        "tai muuhun mielipiteeseen, kansalliseen tai yhteiskunnalliseen alkuperään, omaisuuteen, syntyperään tai muuhun tekijään",
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i sumieniem i "
        "powinni postępować wobec innych w duchu braterstwa. Każdy człowiek posiada wszystkie prawa i wolności zawarte w "
        "niniejszej Deklaracji bez względu na różnice rasy, koloru, płci, języka, wyznania, poglądów politycznych i innych",
    ],
    ids=["Finnish", "Polish"],
)
def test_a_language_without_the_usual_words_is_no_scramble(text):
    assert not looks_scrambled(text)


def test_glyphs_without_meaning_are_no_text():
    assert is_unmapped("\ue012\ue013\ue014 " * 30)
    assert is_unmapped("GLYPH<12>GLYPH<44> " * 20)
    assert not is_unmapped(" ".join(SENTENCES))
    assert not is_unmapped("12.3 45.6 78.9 " * 20)


def signals(text: str, *, bitmap: float = 0.0) -> PageSignals:
    words = tuple(Word(word, Rect(60, 700, 90, 710), 10, 702, PLAIN) for word in text.split())
    covered = (Rect(0, 0, 600, 800 * bitmap),) if bitmap else ()
    return PageSignals(1, 600, 800, words, sum(map(len, text.split())), (), (), covered, ())


@pytest.mark.parametrize(
    ("page", "mode", "doubt"),
    [
        (signals(" ".join(SENTENCES)), "auto", None),
        (signals(" ".join(SENTENCES)), "force", Doubt.FORCED),
        (signals(""), "auto", None),
        (signals("", bitmap=0.9), "auto", Doubt.NO_TEXT),
        (signals("Figure 3", bitmap=0.5), "auto", Doubt.NO_TEXT),
        (
            signals("Downloaded from the library of a university on the second of May by a reader", bitmap=1.0),
            "auto",
            Doubt.STAMP,
        ),
        (signals(" ".join(SENTENCES) * 2, bitmap=0.4), "auto", None),
    ],
    ids=["text", "forced", "blank", "picture", "figure", "stamp", "text and figure"],
)
def test_a_page_is_doubted_for_a_reason(page, mode, doubt):
    assert doubt_of(page, mode) is doubt


def test_a_blank_scan_is_refused_not_imagined(read):
    with pytest.raises(NoTextLayer, match="OCR read none either"):
        read(scanned(PdfMaker().box(60, 60, 100, 100).to_bytes()))


def test_without_ocr_a_scan_is_refused_and_says_how_to_read_it(tmp_path):
    convert = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None, ocr=OcrChoice(mode="off"))
    (tmp_path / "scan.pdf").write_bytes(scanned(paper().to_bytes()))

    with pytest.raises(NoTextLayer, match='ocr = "auto"'):
        convert(tmp_path / "scan.pdf")


def test_the_words_in_a_picture_belong_to_the_figure(read):
    import pypdfium2

    plot = PdfMaker(width=300, height=200)
    plot.box(30, 30, 240, 140)
    plot.text(80, 10, "Nitrate in mg per litre", size=14)
    picture = scanned(plot.to_bytes())
    pdf = PdfMaker()
    y = pdf.lines(60, 780, [*SENTENCES, *SENTENCES, *SENTENCES, *SENTENCES])
    pdf.text(60, y - 230, "Figure 1. What was measured at the three places.")
    pdf.lines(60, y - 270, SENTENCES)
    whole = pypdfium2.PdfDocument(pdf.to_bytes())
    form = pypdfium2.PdfDocument(picture)
    image = next(iter(form[0].get_objects()))
    bitmap = image.get_bitmap()
    page = whole[0]
    drawn = pypdfium2.PdfImage.new(whole)
    drawn.set_bitmap(bitmap)
    drawn.set_matrix(pypdfium2.PdfMatrix().scale(300, 200).translate(60, y - 210))
    page.insert_obj(drawn)
    page.gen_content()
    made_pdf = io.BytesIO()
    whole.save(made_pdf)

    made = read(made_pdf.getvalue())

    (figure,) = made.document.pictures
    inside = [ref.resolve(made.document).text for ref in figure.children]
    assert any("Nitrate in mg per litre" in text for text in inside)
    assert "Nitrate in mg" not in made.markdown


def test_a_language_without_its_model_says_where_the_file_belongs(tmp_path):
    with pytest.raises(WeightsMissing, match="docling-tools models download rapidocr"):
        open_converter("rules", max_pages=10, timeout_s=60, artifacts=tmp_path, ocr=OcrChoice(languages=("arabic",)))
    with pytest.raises(WeightsMissing, match="iso:de"):
        open_converter("rules", max_pages=10, timeout_s=60, artifacts=tmp_path, ocr=OcrChoice(languages=("klingon",)))


def test_what_ocr_may_do_is_part_of_the_identity():
    keys = {
        converter_key("rules", choice)
        for choice in (OcrChoice(), OcrChoice(mode="off"), OcrChoice(mode="force"), OcrChoice(figures=True), OcrChoice(languages=("ar",)))
    }  # fmt: skip
    assert len(keys) == 5
    assert "rapidocr/" in converter_key("rules")
