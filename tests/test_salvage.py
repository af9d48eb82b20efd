"""A file that kills its parser is read again with less; a page that cannot be read costs itself only."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest
from makers import make_paper
from paper_maker import MAIN
from pdf_maker import PdfMaker
from test_sandbox import convert, is_running, open_child

from bench.endless import SAMPLES
from bench.mutants import mutants
from errors import ConversionFailed, ConverterDied, Encrypted, InputRefused, NoTextLayer, TimedOut, TooLarge
from ingest.converter import open_converter
from ingest.copies import MOST_LOST, Unread, read_in_copies
from ingest.layout import backend
from ingest.plain import read_plain
from ingest.preflight import Bounds
from ingest.report import quality_report
from ingest.salvage import climb_down
from ingest.sandbox import Limits
from ingest.wire import Backend
from records import PageQuality

SAMPLE = MAIN / "samples" / "perovskite-ageing.pdf"


@pytest.fixture(scope="module", autouse=True)
def opener_is_importable():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(MAIN / "tests"))
        yield


# Which rung holds.


def climb(errors: dict[Backend, Exception], timeout_s: float = 300.0):
    """What comes of a file that each backend fails with this error; and which were tried."""
    tried: list[Backend] = []

    def attempt(backend: Backend, timeout_s: float) -> Backend:
        tried.append(backend)
        if backend in errors:
            raise errors[backend]
        return backend

    try:
        return climb_down(attempt, timeout_s=timeout_s), tried
    except (ConversionFailed, InputRefused) as error:
        return error, tried


def crash() -> ConverterDied:
    error = ConverterDied("died")
    error.crash = "SIGSEGV"
    return error


def test_a_good_file_is_read_once_and_without_a_warning():
    assert climb({}) == ((Backend.DOCLING_PARSE, ()), [Backend.DOCLING_PARSE])


def test_a_rung_has_its_share_of_the_time_though_ocr_was_given_more_before(monkeypatch):
    clock, given = [0.0], []
    monkeypatch.setattr("ingest.salvage.time.monotonic", lambda: clock[0])

    def attempt(backend: Backend, timeout_s: float) -> Backend:
        given.append(timeout_s)
        clock[0] += 500 if backend is Backend.DOCLING_PARSE else 0
        raise crash()

    with pytest.raises(ConverterDied):
        climb_down(attempt, timeout_s=300)
    assert given == pytest.approx([195, 51, 54])


def test_a_crash_is_followed_by_pypdfium2_and_then_by_plain_text():
    (read_by, warnings), _ = climb({Backend.DOCLING_PARSE: crash()})
    assert read_by is Backend.PDFIUM and warnings == ("read with pypdfium2, because docling-parse crashed (SIGSEGV)",)
    (read_by, warnings), _ = climb({Backend.DOCLING_PARSE: crash(), Backend.PDFIUM: TimedOut("late")})
    assert read_by is Backend.TEXT and "pypdfium2 was not done in time" in warnings[0]


def test_where_nothing_helps_the_first_error_is_raised():
    first = crash()
    error, tried = climb({Backend.DOCLING_PARSE: first, Backend.PDFIUM: TimedOut("late"), Backend.TEXT: ConversionFailed("no")})
    assert error is first and len(tried) == 3
    error, tried = climb({Backend.DOCLING_PARSE: first, Backend.PDFIUM: TooLarge("cannot be")})
    assert error is first and len(tried) == 2


@pytest.mark.parametrize("error", [Encrypted("locked"), TooLarge("pages"), ConverterDied("killed by the system")])
def test_what_cannot_change_is_not_tried_again(error):
    assert climb({Backend.DOCLING_PARSE: error}) == (error, [Backend.DOCLING_PARSE])


def test_nothing_is_tried_again_where_there_is_no_time_for_a_child_to_start():
    error = TimedOut("late")
    assert climb({Backend.DOCLING_PARSE: error}, timeout_s=2.0) == (error, [Backend.DOCLING_PARSE])


# Real children.


def test_a_file_that_crashes_its_parser_comes_back_with_what_read_it(tmp_path):
    with open_child(Limits(timeout_s=120, memory_mb=1200)) as child:
        converted = convert(child, tmp_path, "segfaults_at_first")
        assert converted.warnings == ("read with pypdfium2, because docling-parse crashed (SIGSEGV)",)
        converted = convert(child, tmp_path, "segfaults_but_as_text")
        assert converted.warnings[0].startswith("read as plain text only")
        assert convert(child, tmp_path, "good").warnings == ()


def test_a_child_that_the_system_killed_is_not_replaced_by_a_lesser_one(tmp_path):
    with open_child(Limits(timeout_s=120, memory_mb=1200)) as child, pytest.raises(ConverterDied, match="SIGKILL"):
        convert(child, tmp_path, "killed")
    assert child.pid is None


def test_a_child_that_has_grown_is_replaced(tmp_path):
    with open_child(Limits(timeout_s=60, memory_mb=1200, growth_mb=150)) as child:
        convert(child, tmp_path, "good")
        first = child.pid
        convert(child, tmp_path, "hogs")
        assert child.pid == first
        convert(child, tmp_path, "good")
        assert child.pid != first


# One page.


def reader_of(acts: dict[int, str]):
    """What reads pages, but for those that do something else."""

    def read(page: int) -> str:
        act = acts.get(page, "")
        if act == "crashes":
            os.kill(os.getpid(), signal.SIGTRAP)  # as PDFium does; pytest says nothing of it
        if act == "hangs":
            time.sleep(60)
        if act == "raises":
            raise ValueError("a bad page")
        return f"page {page}, process {os.getpid()}"

    return lambda: read


def test_a_page_that_crashes_hangs_or_raises_costs_itself_only():
    reader = reader_of({2: "crashes", 4: "hangs", 5: "raises"})
    read = dict(read_in_copies(reader, range(1, 7), page_s=1.0, deadline=time.monotonic() + 60))
    assert [page for page, got in read.items() if isinstance(got, Unread)] == [2, 4, 5]
    assert read[2] == Unread("its parser died of SIGTRAP")
    assert read[4] == Unread("it was not read within 1 s")
    assert read[5] == Unread("ValueError: a bad page")
    assert read[6].startswith("page 6")
    pids = [int(got.rsplit(" ", 1)[1]) for got in read.values() if isinstance(got, str)]
    assert os.getpid() not in pids and not any(is_running(pid) for pid in pids)


def test_pages_are_given_up_after_many_crashes_and_at_the_deadline():
    acts = dict.fromkeys(range(1, 100), "crashes")
    read = dict(read_in_copies(reader_of(acts), range(1, 100), page_s=5.0, deadline=time.monotonic() + 60))
    assert "could not be read either" in read[MOST_LOST + 2].reason
    started = time.monotonic()
    read = dict(read_in_copies(reader_of({3: "hangs"}), range(1, 6), page_s=50.0, deadline=time.monotonic() + 1))
    assert time.monotonic() - started < 10
    assert read[2].startswith("page 2") and read[5] == Unread("out of time")


def test_a_reader_that_cannot_be_opened_is_the_reason_of_every_page():
    def opened():
        raise OSError("no such file")

    read = dict(read_in_copies(opened, [1, 2], page_s=5.0, deadline=time.monotonic() + 60))
    assert read == {1: Unread("OSError: no such file"), 2: Unread("OSError: no such file")}


@pytest.fixture(scope="module")
def usual():
    return open_converter("rules", max_pages=10, timeout_s=120, artifacts=None)


def test_pypdfium2_gives_the_same_paper(usual):
    paper = usual(SAMPLE)
    less = open_converter("rules", max_pages=10, timeout_s=120, artifacts=None, backend=Backend.PDFIUM)(SAMPLE)
    assert {page.backend for page in less.pages} == {"pypdfium2"} and not less.is_partial
    headings = [[item.text for item in one.document.texts if item.label == "section_header"] for one in (paper, less)]
    assert headings[0] == headings[1] and len(headings[0]) > 5
    assert len(less.document.tables) == len(paper.document.tables)


def test_plain_text_keeps_the_words_and_their_pages(usual):
    document, pages, warnings = read_plain(SAMPLE, SAMPLE.name, 3, timeout_s=60, on_page=None)
    text = " ".join(item.text for item in document.texts)
    assert "activation energy of 0.68 ± 0.03 eV" in text and not warnings
    assert [page.page for page in pages] == [1, 2, 3] and {page.backend for page in pages} == {"text only"}
    assert {item.prov[0].page_no for item in document.texts} == {1, 2, 3}


def test_a_page_that_docling_parse_cannot_read_is_read_by_pypdfium2_and_named(usual, monkeypatch):
    results = backend.UnrenderedBackend.results

    def with_a_bad_page(self, deadline=float("inf")):
        for result in results(self, deadline):
            yield _Failed() if result.page_number == 2 else result

    monkeypatch.setattr(backend.UnrenderedBackend, "results", with_a_bad_page)
    paper = usual(SAMPLE)
    assert [page.backend for page in paper.pages] == ["docling-parse", "pypdfium2", "docling-parse"]
    assert paper.warnings == ("read with pypdfium2, because docling-parse could not (the font is broken): pages 2",)
    assert not paper.is_partial


class _Failed:
    page_number, success, error_message = 2, False, "the font is broken."


def test_a_reason_that_is_no_text_is_no_error_of_ours(tmp_path, usual):
    """docling-parse quotes the file in its errors; a byte of this one's is no UTF-8. Of its text nothing is left."""
    papers = [MAIN / "samples" / name for name in SAMPLES]
    name, _, content = list(mutants(papers, 2, seed=1))[1]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NoTextLayer):
        usual(tmp_path / name)


def test_a_page_that_nobody_can_read_is_missing_by_name(usual, monkeypatch):
    test = ["docling-parse", "docling-parse"]
    results = backend.UnrenderedBackend.results
    monkeypatch.setattr(
        backend.UnrenderedBackend,
        "results",
        lambda self, deadline=0: (_Failed() if r.page_number == 2 else r for r in results(self)),
    )
    monkeypatch.setattr("ingest.layout.engine.open_pdfium_reader", lambda path: reader_of({2: "crashes"})())
    paper = usual(SAMPLE)
    assert paper.is_partial and [page.backend for page in paper.pages] == test
    assert any("pages not read: 2" in warning for warning in paper.warnings)
    assert "could not be read (the font is broken; its parser died of SIGTRAP): pages 2" in paper.warnings


def test_a_page_that_is_never_parsed_does_not_hold_the_others(usual, monkeypatch):
    """The parser's own thread waits without end: the others are kept, and this one is read by PDFium."""
    results = backend.UnrenderedBackend.results

    def without_the_last(self, deadline=0):
        for result in results(self):
            if result.page_number < 3:
                yield result

    monkeypatch.setattr(backend.UnrenderedBackend, "results", without_the_last)
    paper = usual(SAMPLE)
    assert [page.backend for page in paper.pages] == ["docling-parse", "docling-parse", "pypdfium2"]
    assert "it was not parsed in time" in paper.warnings[0]


def test_waiting_for_a_page_ends_at_the_deadline(monkeypatch):
    class Stuck:
        has_tasks = staticmethod(lambda: True)
        get_task = staticmethod(lambda: time.sleep(30))

    held = object.__new__(backend.UnrenderedBackend)
    held._parser, held._is_open = Stuck(), True
    monkeypatch.setattr(backend, "_STUCK", [])
    started = time.monotonic()
    assert list(held.results(time.monotonic() + 0.3)) == []
    assert time.monotonic() - started < 5 and backend.is_stuck()
    held.unload()  # waits for nothing


# Limits and the report.


def test_the_bounds_of_a_file_are_settings(tmp_path):
    path = tmp_path / "wide.pdf"
    path.write_bytes(PdfMaker(width=3000).text(60, 700, "wide").to_bytes())

    def refused(**bounds: float) -> str:
        convert = open_converter("rules", max_pages=10, timeout_s=60, artifacts=None, bounds=Bounds(**bounds))
        with pytest.raises(TooLarge) as caught:
            convert(path)
        return str(caught.value)

    assert "max_page_points" in refused(max_page_points=2000)
    assert "max_file_mb" in refused(max_bytes=100)


def test_cpu_seconds_end_a_child(tmp_path):
    with open_child(Limits(timeout_s=30, cpu_s=1.0, memory_mb=1200)) as child:
        with pytest.raises(ConverterDied) as caught:
            convert(child, tmp_path, "burns")
        assert caught.value.crash == signal.SIGXCPU.name


def test_the_report_says_what_is_missing_and_what_was_mended():
    conversion = make_paper().conversion
    page = PageQuality(page=1, width=600, height=800, n_chars=900, figure_share=0, confidence=0.9, backend="docling-parse")
    scan = replace(page, page=3, n_chars=100, confidence=0.4, backend="pypdfium2", ocr_share=1.0, turned=90, hyphens=4)
    report = quality_report(replace(conversion, n_pages=3, pages=(page, scan)))
    assert report.missing == (2,) and report.doubtful == (3,)
    assert report.ocr_share == pytest.approx(0.1) and report.confidence == pytest.approx(0.65)
    assert report.backends == {"docling-parse": (1,), "pypdfium2": (3,)}
    assert report.repairs.hyphens == 4 and report.repairs.turned == (3,)


def test_what_was_mended_is_counted(usual):
    pages = usual(SAMPLE).pages
    assert sum(page.hyphens for page in pages) >= 3 and sum(page.furniture for page in pages) == 9
    assert all(page.backend == "docling-parse" for page in pages)
