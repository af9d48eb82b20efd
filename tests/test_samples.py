"""The sample papers are there, look like what they claim to be, and were made from the sources that stand beside them."""

import hashlib
import re
import runpy
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pypdfium2
import pytest
from needs import need

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
TITLES = {
    "perovskite-ageing.pdf": "Thermally activated ageing of perovskite solar cells between 65 and 95 °C: "
    "a fluorinated interlayer raises the activation energy",
    "mouse-kinetics.pdf": "Pharmacokinetics and tissue distribution of the kinase inhibitor RS-417 in mice after intravenous "
    "and oral dosing",
    "forecast-errors.pdf": "Heavy tails and saturating growth: the errors of temperature forecasts at 62 stations",
}
SCAN = "scanned-report.pdf"


def page_texts(name: str) -> list[str]:
    with pypdfium2.PdfDocument(SAMPLES / name) as document:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


@pytest.mark.parametrize("name", TITLES)
def test_a_sample_paper_has_its_title_and_says_that_it_is_made_up(name):
    pages = page_texts(name)

    assert TITLES[name] in pages[0]
    assert "made-up sample paper, written for software tests" in pages[0]
    assert "References [1]" in " ".join(pages)
    assert 2 <= len(pages) <= 4


def test_the_scan_has_no_text_layer():
    assert page_texts(SCAN) == ["", ""]


@pytest.mark.parametrize("name", [*TITLES, SCAN])
def test_a_sample_is_small(name):
    assert (SAMPLES / name).stat().st_size < 300_000


def test_the_samples_were_made_from_the_sources_beside_them():
    sums = dict(reversed(line.split("  ", 1)) for line in (SAMPLES / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    found = {file.relative_to(SAMPLES).as_posix(): file for file in [*SAMPLES.glob("sources/*"), *SAMPLES.glob("*.pdf")]}

    changed = [name for name in sums | found if name not in found or sha256(found[name]) != sums.get(name)]
    assert not changed, f"{changed} changed since `python samples/make.py` last ran; run it and commit what it makes"


def test_making_a_sample_again_gives_the_same_bytes():
    need(find_spec("typst") and version("typst") == "0.15.0", "the samples were made with typst 0.15.0, which is not here")
    set_paper = runpy.run_path(str(SAMPLES / "make.py"))["set_paper"]

    made = set_paper("mouse-kinetics")

    assert made == (SAMPLES / "mouse-kinetics.pdf").read_bytes()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_sections_of_a_sample_come_in_their_order_and_its_tables_whole():
    from ingest.converter import open_converter

    made = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None)(SAMPLES / "mouse-kinetics.pdf")
    headings = re.findall(r"^#+ (\d[\d.]* .*)$", made.markdown, re.M)

    assert headings == sorted(headings, key=lambda heading: [int(n) for n in heading.split()[0].split(".")])
    assert len(headings) == 13
    assert [(table.data.num_rows, table.data.num_cols) for table in made.document.tables] == [(5, 8), (8, 3)]
    assert sorted(ref.split("/")[1] for ref, *_ in made.figures) == ["pictures", "texts", "texts", "texts"]  # formulas too
    assert made.markdown.index("Abstract.") < made.markdown.index("RS-417 is a selective inhibitor"), (
        "a run-in heading comes first"
    )
