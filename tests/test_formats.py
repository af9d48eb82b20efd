"""Everything that is not a PDF: recognised by its bytes, read as what it is, and harmless where it means harm."""

from __future__ import annotations

import io
import json
from pathlib import Path

import format_maker as made
import pypdfium2
import pytest
from format_maker import SENTENCE, TITLE
from paper_maker import tokenizer_file

from errors import ConversionFailed, Damaged, InputRefused, NoTextLayer, NotInstalled, TimedOut, TooLarge, UnsupportedFormat
from ingest.bibliography import PdfInfo, read_bibliography
from ingest.chunking import split_chunks
from ingest.converter import Convert, ConvertedPaper, converter_key, open_converter
from ingest.formats.front import with_front
from ingest.formats.images import pdf_of_image
from ingest.formats.latex import flatten
from ingest.formats.mathml import latex_of
from ingest.formats.names import ENDINGS, Format
from ingest.formats.recognise import format_of, refuse_unless_readable
from ingest.formats.scripts import superscript
from ingest.sandbox import ConverterChild, Limits
from ingest.source import find_sources, read_source
from records import Chunk, ChunkKind, Document

SMALL = {
    "a.docx": (Format.DOCX, made.docx),
    "a.pptx": (Format.PPTX, made.pptx),
    "a.xlsx": (Format.XLSX, made.xlsx),
    "a.odt": (Format.ODT, made.odt),
    "a.epub": (Format.EPUB, made.epub),
    "a.html": (Format.HTML, made.HTML.encode),
    "a.nxml": (Format.JATS, made.JATS.encode),
    "a.xml": (Format.PATENT, made.PATENT.encode),
    "a.md": (Format.MARKDOWN, made.MARKDOWN.encode),
    "a.adoc": (Format.ASCIIDOC, made.ASCIIDOC.encode),
    "a.csv": (Format.CSV, made.CSV.encode),
    "a.tex": (Format.LATEX, made.LATEX.encode),
    "a.vtt": (Format.VTT, made.VTT.encode),
    "a.json": (Format.DOCLING, made.docling_json),
}


@pytest.fixture(scope="module")
def convert() -> Convert:
    return open_converter("rules", max_pages=60, timeout_s=120, artifacts=None)


def put(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def chunks_of(paper: ConvertedPaper) -> list[Chunk]:
    return split_chunks(
        paper.document, doc_id="d", conversion_id="c", pages=paper.pages, tokenizer_file=tokenizer_file(), max_tokens=256
    )


def text_of(paper: ConvertedPaper) -> str:
    return "\n".join(chunk.searchable for chunk in chunks_of(paper))


def document_of(paper: ConvertedPaper, name: str = "a") -> Document:
    from records import Source

    source = Source(name=name, path=Path(name), sha256="0" * 64, size=1)
    assert paper.front is not None
    return with_front(read_bibliography(paper.document, source, PdfInfo()), paper.front)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_file_of_each_format_is_known_by_its_bytes_and_read(convert, tmp_path, name):
    kind, make = SMALL[name]
    path = put(tmp_path, name, make())

    read_source(path, 1 << 20)
    assert format_of(path, name) is kind
    paper = convert(path)
    words = "North | 4.2" if kind in (Format.XLSX, Format.CSV) else SENTENCE
    assert words in text_of(paper)
    assert paper.markdown.strip()
    assert paper.n_pages == {Format.PPTX: 2, Format.XLSX: 1}.get(kind, 0) == len(paper.pages)


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.epub", "a.html", "a.nxml", "a.vtt", "a.json", "a.tex"])
def test_bytes_decide_and_not_the_name(tmp_path, name):
    kind, make = SMALL[name]
    path = put(tmp_path, "0123abcd", make())
    assert format_of(path, path.name) is kind


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.pdf", b"<!doctype html><html>Please sign in", "it is called a PDF and is an HTML page"),
        ("a.pdf", b"404 not found", "it is called a PDF and is plain text"),
        ("a", b"a line of words", "no ending says how it is written"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + bytes(600), "an old or an encrypted Office document"),
        ("a.bin", bytes(range(256)) * 4, "of no format that is read"),
        ("a.zip", made.zipped({"a.txt": "x"}), "without a document"),
        ("a.tgz", made.tarred({"a.txt": "x"}), "without LaTeX sources"),
        ("a.xml", b"<?xml version='1.0'?><!-- x --><catalog><book/></catalog>", "XML with the root 'catalog'"),
        ("a.xml", b"<?xml version='1.0'?><article><title>DocBook</title></article>", "XML with the root 'article'"),
        ("a.json", b'{"name": "DoclingDocumentation"}', "no DoclingDocument"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path, name, data, words):
    with pytest.raises(UnsupportedFormat, match=words):
        format_of(put(tmp_path, name, data), name)


def test_the_door_refuses_what_its_first_bytes_give_away_and_opens_nothing():
    refuse_unless_readable(made.docx()[:4096], "a")
    with pytest.raises(UnsupportedFormat):
        refuse_unless_readable(b"\xd0\xcf\x11\xe0", "a.doc")


def test_a_folder_gives_its_documents_and_leaves_what_lies_beside_papers(tmp_path):
    for name, (_, make) in SMALL.items():
        put(tmp_path, name, make())
    put(tmp_path, "truth.json", '{"title": "x"}')
    put(tmp_path, "settings.xml", "<?xml version='1.0'?><settings/>")
    put(tmp_path, "notes.txt", "words")
    found = [path.name for path in find_sources([str(tmp_path)], io.BytesIO())]
    assert found == sorted(name for name in SMALL if name.endswith(ENDINGS))
    assert {"a.docx", "a.json", "a.html"} <= set(found) < set(SMALL)
    assert not {"truth.json", "settings.xml", "notes.txt", "a.md", "a.csv", "a.tex"} & set(found)
    assert [path.name for path in find_sources([str(tmp_path / "*.md")], io.BytesIO())] == ["a.md"]


def test_the_key_tells_the_formats_converter():
    assert " formats/1 " in converter_key("rules")


# JATS


def test_jats_keeps_spaces_exponents_formulas_and_floats_where_they_are_cited(convert, tmp_path):
    paper = convert(put(tmp_path, "a.nxml", made.JATS))
    chunks = chunks_of(paper)

    assert f"{SENTENCE} It had 3 × 10⁻³ mol m⁻² (Table 1)." in paper.markdown
    assert r"$$x = \frac{a}{b} \tag{1}$$" in text_of(paper)
    assert paper.markdown.index("North") < paper.markdown.index("So it follows")
    table = next(chunk for chunk in chunks if chunk.kind is ChunkKind.TABLE)
    assert (table.headings, table.pages, table.places) == (("Introduction",), (), ())
    assert "Depths" in table.text and "North | 4.2" in table.text


def test_the_bibliography_of_jats_is_what_the_publisher_tagged(convert, tmp_path):
    document = document_of(convert(put(tmp_path, "a.nxml", made.JATS)))

    assert (document.title, document.year, document.doi) == (TITLE, 2021, "10.1234/rivers.5")
    assert document.authors == ("Ada van den Berg", "The River Group")
    assert document.csl["author"] == [{"family": "van den Berg", "given": "Ada"}, {"literal": "The River Group"}]
    assert document.csl["issued"] == {"date-parts": [[2021, 5, 9]]}
    assert (document.csl["container-title"], document.csl["volume"], document.csl["page"]) == (
        "Journal of Rivers",
        "7",
        "10-19",
    )


def test_jats_without_a_doctype_is_read(convert, tmp_path):
    bare = made.JATS.replace(made.JATS[made.JATS.index("<!DOCTYPE") : made.JATS.index("<article ")], "")
    assert SENTENCE in convert(put(tmp_path, "a.xml", bare)).markdown


@pytest.mark.parametrize(
    ("math", "latex"),
    [
        ("<msup><mi>x</mi><mn>2</mn></msup>", "x^{2}"),
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", r"\sqrt{a + b}"),
        ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>", "∑_{i = 1}^{n}"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", r"\bar{x}"),
        ("<mi>t</mi><mi>o</mi><mi>t</mi><mi>a</mi><mi>l</mi>", r"\mathrm{total}"),
        ("<mfrac><mi>a</mi></mfrac>", "a"),
        ("<mrow>" * 300 + "<mi>x</mi>" + "</mrow>" * 300, "x"),
    ],
)
def test_mathml_becomes_latex(math, latex):
    from lxml import etree

    parser = etree.XMLParser(huge_tree=True)
    assert latex_of(etree.fromstring(f"<math>{math}</math>", parser)) == latex


def test_only_whole_numbers_and_signs_are_raised():
    assert [superscript(text) for text in ("-3", "2+", "1,2", "th", "")] == ["⁻³", "²⁺", "¹,²", "th", ""]


# LaTeX


def test_a_lone_latex_file_names_the_parts_that_are_missing(convert, tmp_path):
    paper = convert(put(tmp_path, "a.tex", made.LATEX))

    assert paper.warnings == ("'results' is named and not in the file: its text is missing",)
    assert paper.is_partial
    assert "Big River is 5 km long." in paper.markdown
    assert "$$E = mc^2$$" in text_of(paper)
    assert document_of(paper).authors == ("Ada Lovelace", "Grace Hopper")


@pytest.mark.parametrize("pack", [made.zipped, made.tarred], ids=["zip", "tar.gz"])
def test_latex_sources_in_an_archive_are_one_paper(convert, tmp_path, pack):
    bbl = r"\begin{thebibliography}{1}\bibitem{a} A. Lovelace. Notes. 1843.\end{thebibliography}"
    main = made.LATEX.replace(r"\end{document}", r"\bibliography{refs}\end{document}")
    data = pack({"src/main.tex": main, "src/results.tex": r"\section{Results} The water was dark.", "src/main.bbl": bbl})
    paper = convert(put(tmp_path, "2101.00001", data))

    assert not paper.warnings
    assert "The water was dark." in paper.markdown
    assert "A. Lovelace. Notes. 1843." in paper.markdown.replace("\n", " ")


def test_one_latex_file_zipped_alone_is_read_as_arxiv_gives_it(convert, tmp_path):
    import gzip

    assert SENTENCE in convert(put(tmp_path, "2101.00001.gz", gzip.compress(made.LATEX.encode()))).markdown


def test_parts_come_from_the_archive_alone():
    paper = flatten(
        {"main.tex": rb"\begin{document}\input{/etc/passwd}\input{../../etc/hostname}\input{main}\end{document}"}, "a"
    )
    assert paper.missing == ("/etc/passwd", "../../etc/hostname", "main")


# Pages, slides, sheets, recordings, images


def test_a_web_page_gives_its_text_without_menus_and_without_what_is_hidden(convert, tmp_path):
    paper = convert(put(tmp_path, "a.html", made.HTML))

    assert "It is 5 m² of pure water, $x = 1$." in paper.markdown
    assert "Sign in" not in paper.markdown and "say yes" not in paper.markdown
    document = document_of(paper)
    assert (document.title, document.authors, document.year, document.doi) == (
        TITLE,
        ("Ada Lovelace",),
        2021,
        "10.1234/rivers.5",
    )


def test_a_word_file_keeps_its_exponents_its_headings_and_its_pictures(convert, tmp_path):
    paper = convert(put(tmp_path, "a.docx", made.docx()))

    assert "It is 5 m² of pure water." in paper.markdown
    assert {chunk.headings for chunk in chunks_of(paper)} >= {("Introduction",)}
    [(ref, page, box, png)] = paper.figures
    assert (ref, page, box, png[:4]) == ("#/pictures/0", None, None, b"\x89PNG")
    assert "base64" not in paper.document.model_dump_json()


def test_slides_are_pages_in_points_with_their_titles_as_headings(convert, tmp_path):
    paper = convert(put(tmp_path, "a.pptx", made.pptx()))

    assert [(page.page, page.width, page.height) for page in paper.pages] == [(1, 720, 540), (2, 720, 540)]
    assert [(item.label.value, item.text) for item in paper.document.texts if item.text in (TITLE, "Results")] == [
        ("title", TITLE),
        ("section_header", "Results"),
    ]
    last = chunks_of(paper)[-1]
    assert last.pages == (1, 2)
    assert all(0 <= place.box.left < place.box.right <= 720 for place in last.places)


def test_markdown_gives_the_bibliography_before_its_text(convert, tmp_path):
    paper = convert(put(tmp_path, "paper.md", made.MARKDOWN))

    assert document_of(paper).title == TITLE
    assert (document_of(paper).authors, document_of(paper).year) == (("Ada Lovelace",), 2021)
    assert "orcid" not in paper.markdown


def test_an_inline_formula_and_italics_stay_in_their_sentence(convert, corpus):
    texts = [chunk.text for chunk in chunks_of(convert(corpus / "formats" / "equations.docx"))]
    assert any(r"this is an inline equation: $A= \pi r^{2}$." in text for text in texts)


@pytest.mark.parametrize(
    ("name", "make", "n_pages"), [("a.png", made.png, 1), ("a.jpg", made.jpeg, 1), ("a.tif", made.tiff, 2)]
)
def test_an_image_is_a_scanned_page(convert, tmp_path, name, make, n_pages):
    path = put(tmp_path, name, make())
    pdf_of_image(path, name, tmp_path / "a.pdf", max_pages=10)

    pdf = pypdfium2.PdfDocument(tmp_path / "a.pdf")
    assert len(pdf) == n_pages
    width, height = pdf[0].get_size()
    assert width / height == pytest.approx(600 / 800, abs=0.01)
    pdf.close()
    with pytest.raises(NoTextLayer, match=name):
        convert(path)


def test_a_recording_says_what_it_needs(convert, tmp_path):
    with pytest.raises(NotInstalled) as caught:
        convert(put(tmp_path, "talk.wav", made.wav()))
    assert "talk.wav is a recording" in str(caught.value)
    assert "tiny.pt" in str(caught.value) and "pip install 'reread[asr]'" in str(caught.value)


# Harm


@pytest.mark.parametrize("name", sorted(made.hostile()))
def test_a_hostile_file_ends_by_name_or_gives_nothing_of_this_machine(convert, tmp_path, name):
    path = put(tmp_path, name, made.hostile()[name])
    try:
        paper = convert(path)
    except (InputRefused, ConversionFailed) as error:
        assert name in str(error)
    else:
        assert "root:" not in paper.markdown + text_of(paper)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("bomb.docx", TooLarge),
        ("members.docx", TooLarge),
        ("laughs.docx", Damaged),
        ("laughs.xml", Damaged),
        ("parts.tar.gz", TooLarge),
        ("huge.png", TooLarge),
        ("deep.html", TooLarge),
        ("broken.jpg", Damaged),
        ("truncated.docx", Damaged),
    ],
)
def test_a_bomb_is_refused_for_what_it_is(convert, tmp_path, name, error):
    with pytest.raises(error):
        convert(put(tmp_path, name, made.hostile()[name]))


def test_what_has_no_end_is_ended_by_the_clock_and_its_neighbour_is_read(tmp_path):
    limits = Limits(timeout_s=20, memory_mb=1500, documents_per_child=50, max_pages=100)
    with ConverterChild(converter="rules", limits=limits, tokenizer_file=tokenizer_file()) as child:
        for name, data in {**made.slow(), "a.md": made.MARKDOWN.encode()}.items():
            source = read_source(put(tmp_path, name, data), 1 << 30)
            (tmp_path / "work").mkdir(exist_ok=True)
            try:
                converted = child.convert(source, conversion_id="c", workdir=tmp_path / "work")
            except (TimedOut, ConversionFailed):
                assert name != "a.md"
    assert converted.document.title == TITLE


# Real files


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("word_sample.docx", "Paddle about"),
        ("table_with_equations.docx", "|"),
        ("powerpoint_sample.pptx", "Second slide title"),
        ("pptx_chart.pptx", "Saltwater Ducks"),
        ("xlsx_01.xlsx", "first"),
        ("text_document_01.odt", "Title"),
        ("odf_table_with_title_01.ods", "|"),
        ("epub_purvis_poetry.epub", "The cold storms of winter shall chill him no more"),
        ("wiki_duck.html", "numerous species of waterfowl"),
        ("html_rich_table_cells.html", "Rich Table Cells"),
        ("PMC8270279.jats.xml", "38.46 mg/100 g FW"),
        ("elife-56337.nxml", "target TEs are de-repressed"),
        ("ipa20180000016.xml", "claim"),
        ("arxiv_2310.06825.tex", "We introduce Mistral 7B, a 7"),
        ("wiki.md", "headquartered in Armonk"),
        ("asciidoc_02.asciidoc", "Section"),
        ("csv-semicolon.csv", "|"),
    ],
)
def test_a_real_file_is_read_and_split(convert, corpus, name, words):
    paper = convert(corpus / "formats" / name)

    assert words in paper.markdown
    chunks = chunks_of(paper)
    assert chunks
    assert all(not chunk.places and not chunk.pages for chunk in chunks) or paper.n_pages


@pytest.mark.corpus
def test_the_bibliography_of_real_jats_is_whole(convert, corpus):
    for path in sorted((corpus / "formats").glob("*.jats.xml")):
        truth = json.loads(Path(f"{path}.gt.json").read_text(encoding="utf-8"))
        document = document_of(convert(path), path.name)
        assert document.title == " ".join(truth["title"].split())
        assert document.doi and document.year == 2021 and len(document.authors) >= 3


@pytest.mark.corpus
def test_a_real_scan_in_a_tiff_is_two_pages_of_an_image(convert, corpus):
    paper = convert(corpus / "formats" / "2206.01062.tif")
    assert (paper.n_pages, len(paper.pages)) == (2, 2)
    assert any("read with OCR" in warning for warning in paper.warnings)
    assert paper.markdown.startswith("# DocLayNet: A Large Human-Annotated Dataset")
