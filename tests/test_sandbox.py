"""A PDF can kill its converter child and nothing else. Real child processes; the converter in them misbehaves to order."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from paper_maker import CORPUS, MAIN, tokenizer_file
from processes import start

from errors import ConversionFailed, ConverterDied, Damaged, OutOfMemory, RereadError, TimedOut, WeightsMissing
from ingest.process import SCRATCH, _folder_for_all
from ingest.sandbox import ConverterChild, Limits
from ingest.source import read_source
from records import Source

LIMITS = Limits(timeout_s=20, memory_mb=1200, documents_per_child=50, max_pages=100)


def open_child(limits: Limits = LIMITS, converter: str = "rules", opener: str = "misbehaving") -> ConverterChild:
    return ConverterChild(converter=converter, limits=limits, tokenizer_file=tokenizer_file(), opener=opener)


def source(folder: Path, name: str) -> Source:
    path = folder / f"{name}.pdf"
    path.write_bytes(b"%PDF-1.4\n")
    return Source(name=path.name, path=path, sha256=name.ljust(64, "0"), size=9)


def convert(child: ConverterChild, folder: Path, name: str, **callbacks):
    workdir = folder / f"{name}.work"
    workdir.mkdir(exist_ok=True)
    return child.convert(source(folder, name), conversion_id="c", workdir=workdir, **callbacks)


@pytest.fixture(scope="module", autouse=True)
def opener_is_importable():
    """The child finds misbehaving.py through PYTHONPATH, which it inherits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(MAIN / "tests"))
        yield


@pytest.fixture(scope="module")
def child(opener_is_importable):
    with open_child() as child:
        yield child


@pytest.fixture
def short_child():
    """One that waits no longer than a second and a half."""
    with open_child(Limits(timeout_s=1.5, memory_mb=1200)) as child:
        child.start()
        yield child


def test_a_paper_comes_back_with_its_files_and_chunks(child, tmp_path):
    converted = convert(child, tmp_path, "good")
    assert [chunk.text for chunk in converted.chunks] == ["Text of good. No secret."]
    assert converted.document.name == "good.pdf"
    assert converted.markdown.read_text(encoding="utf-8") == "# Märkdown"
    assert converted.docling_json.read_text(encoding="utf-8").startswith('{"schema_name":"DoclingDocument"')
    assert [figure.png.read_bytes() for figure in converted.figures] == [b"\x89PNG"]
    assert converted.convert_s > 0 and converted.split_s > 0 and converted.peak_mb > 50


def test_a_stored_document_is_split_again_into_the_same_chunks_without_converting(child, tmp_path):
    converted = convert(child, tmp_path, "good")
    again = tmp_path / "again"
    again.mkdir()
    (again / "docling.json").write_bytes(converted.docling_json.read_bytes())
    split = child.split(doc_id=converted.document.id, conversion_id="c", pages=converted.pages, workdir=again)
    assert split.chunks == converted.chunks


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        ("killed", ConverterDied, "SIGKILL"),
        ("segfault", ConverterDied, "SIGSEGV"),
        ("exits", ConverterDied, "exit code 3"),
        ("aborts", OutOfMemory, "memory limit"),
        ("hoards", OutOfMemory, "memory"),
        ("hoards_shared", OutOfMemory, "1,200 MB"),
        ("out_of_memory", OutOfMemory, "bad_alloc"),
        ("caught_bad_alloc", OutOfMemory, "bad_alloc"),
        ("damaged", Damaged, "this one is damaged"),
        ("surprises", ConversionFailed, "ZeroDivisionError: a bug of the parser"),
        ("answers_nonsense", ConverterDied, "no usable answer"),
        ("reads_more_pages_than_there_are", ConverterDied, "no usable answer"),
        ("answers_twice", ConverterDied, "no usable answer"),
        ("floods_progress", ConverterDied, "no usable answer"),
        ("writes_without_end", ConversionFailed, "File too large"),
    ],
)
def test_a_document_fails_by_name_and_its_neighbours_are_converted(child, tmp_path, behaviour, error, words):
    convert(child, tmp_path, "before")
    with pytest.raises(error, match=words) as caught:
        convert(child, tmp_path, behaviour)
    assert type(caught.value) is error
    assert convert(child, tmp_path, "after").chunks[0].text.startswith("Text of after")


def test_a_parser_that_spins_and_hears_no_signal_is_ended_in_time(short_child, tmp_path):
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"'spins.pdf' was not converted within 1.5 s"):
        convert(short_child, tmp_path, "spins")
    assert time.monotonic() - started < 1.5 + 5
    started = time.monotonic()
    convert(short_child, tmp_path, "next")
    assert time.monotonic() - started < 10


def test_pages_that_are_read_with_ocr_have_time_of_their_own_and_no_more(opener_is_importable, tmp_path):
    with open_child(Limits(timeout_s=1.5, ocr_page_s=2.0, max_pages=2, memory_mb=1200)) as child:
        child.start()
        assert convert(child, tmp_path, "reads_a_scan").n_pages == 1
        for name in ("reads_a_scan_without_end", "lies_about_its_scan"):  # two pages, and no more than the two it may have
            started = time.monotonic()
            with pytest.raises(TimedOut, match=r"was not converted within 5.5 s"):
                convert(child, tmp_path, name)
            assert time.monotonic() - started < 5.5 + 5


def test_what_a_killed_child_started_dies_with_it_and_its_files_are_gone(short_child, tmp_path):
    short_child.start()
    scratch = Path(f"/proc/{short_child.pid}/cwd").readlink()
    grandchildren = []
    with pytest.raises(TimedOut):
        convert(
            short_child,
            tmp_path,
            "starts_a_child",
            keep_going=lambda: grandchildren.append(int((scratch / "own" / "grandchild").read_text())),
        )
    assert grandchildren and not is_running(grandchildren[0])
    assert not scratch.exists()


def is_running(pid: int) -> bool:
    """A zombie that init has not collected yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_parser_prints_is_no_answer_and_never_fills_a_pipe(child, tmp_path):
    pid = child.pid
    assert convert(child, tmp_path, "prints").chunks[0].text.startswith("Text of prints")
    assert pid is None or child.pid == pid


def test_a_refused_document_keeps_the_child_and_a_dead_child_is_replaced(child, tmp_path):
    convert(child, tmp_path, "first")
    pid = child.pid
    with pytest.raises(Damaged):
        convert(child, tmp_path, "damaged")
    assert child.pid == pid
    os.kill(pid, signal.SIGKILL)  # while it waits, as the kernel does when memory is short
    time.sleep(0.2)
    convert(child, tmp_path, "second")
    assert child.pid != pid


def test_a_child_is_replaced_after_its_share_of_documents(tmp_path):
    with open_child(Limits(documents_per_child=2)) as child:
        pids = []
        for n in range(5):
            convert(child, tmp_path, f"paper{n}")
            pids.append(child.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_no_secret_and_no_proxy_reaches_the_child(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    with open_child() as child:
        assert "No secret" in convert(child, tmp_path, "curious").chunks[0].text
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert b"PROXY" not in environment and b"s3cret" not in environment and b"HF_HUB_OFFLINE=1" in environment


def test_what_opening_the_converter_raises_is_raised(tmp_path):
    with open_child(converter="missing") as child, pytest.raises(WeightsMissing, match="no weights here"):
        convert(child, tmp_path, "any")
    with open_child(converter="broken") as child, pytest.raises(ConversionFailed, match="cannot be opened"):
        convert(child, tmp_path, "any")
    with open_child(opener="no.such.module") as child, pytest.raises(ConversionFailed, match="ModuleNotFoundError"):
        convert(child, tmp_path, "any")


def test_close_from_another_thread_ends_a_call_under_way(child, tmp_path):
    child.start()
    closer = threading.Timer(1, child.close)
    closer.start()
    started = time.monotonic()
    with pytest.raises(ConverterDied):
        convert(child, tmp_path, "spins")
    assert time.monotonic() - started < 10
    closer.join()
    convert(child, tmp_path, "after")


def test_a_child_started_by_a_thread_outlives_that_thread(tmp_path):
    with open_child() as child:
        thread = threading.Thread(target=child.start)
        thread.start()
        thread.join()
        pid = child.pid
        time.sleep(0.3)
        convert(child, tmp_path, "later")
        assert child.pid == pid


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_child_dies_with_its_parent_even_while_it_spins(tmp_path):
    source(tmp_path, "spins")
    script = (
        "import sys, threading, time; from pathlib import Path; from test_sandbox import open_child, convert\n"
        f"child = open_child(); child.start(); print(child.pid, flush=True); convert(child, Path({str(tmp_path)!r}), 'spins')"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=MAIN, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    assert is_running(pid)
    parent.kill()
    parent.wait()
    time.sleep(0.5)
    assert not is_running(pid)


def test_the_parent_imports_neither_docling_nor_torch():
    script = (
        "import ingest.sandbox, sys; print([m for m in sys.modules if m.split('.')[0] in {'docling', 'docling_core', 'torch'}])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=MAIN, check=True)
    assert said.stdout.strip() == "[]"


def test_two_hundred_documents_leave_no_descriptor_and_no_process_behind(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_child(Limits(documents_per_child=100)) as child:
        for n in range(200):
            convert(child, tmp_path, f"paper{n % 5}")
        pid = child.pid
    assert pid and not is_running(pid)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20


def test_pages_are_heard_while_they_are_read_and_the_last_is_always_told(child, tmp_path):
    heard: list[tuple[int, int, float]] = []
    convert(child, tmp_path, "reads_pages", on_page=lambda done, total: heard.append((done, total, time.monotonic())))
    assert [total for _, total, _ in heard] == [40] * len(heard)
    done = [done for done, _, _ in heard]
    assert done == sorted(done) and done[-1] == 40
    assert 3 <= len(heard) <= 12  # 40 pages in 1.2 s, one word in 0.2 s
    assert heard[-1][2] - heard[0][2] > 0.6


def test_a_real_conversion_tells_of_each_page_and_ends_at_the_last(samples, tmp_path):
    heard: list[tuple[int, int]] = []
    with open_child(opener="ingest.converter") as child:
        workdir = tmp_path / "work"
        workdir.mkdir()
        source = read_source(samples / "forecast-errors.pdf", 1 << 20)
        converted = child.convert(source, conversion_id="c", workdir=workdir, on_page=lambda *pages: heard.append(pages))
    assert heard[-1] == (3, 3) and converted.n_pages == 3


@pytest.mark.parametrize("callback", ["on_page", "keep_going"])
@pytest.mark.parametrize("error", [RereadError, RuntimeError, KeyboardInterrupt])
def test_what_a_callback_raises_ends_the_child_and_is_raised(child, tmp_path, callback, error):
    def cancel(*_: int) -> None:
        raise error("no longer wanted")

    child.start()
    pid, started = child.pid, time.monotonic()
    with pytest.raises(error, match="no longer wanted"):
        convert(child, tmp_path, "reads_a_page_and_spins", **{callback: cancel})
    assert time.monotonic() - started < 4
    assert not is_running(pid)
    assert convert(child, tmp_path, "after").chunks


def test_a_flood_of_progress_is_told_now_and_then(child, tmp_path):
    heard: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ConverterDied):
        convert(child, tmp_path, "floods_progress", on_page=lambda *_: heard.append(time.monotonic()))
    assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(heard))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


def test_a_child_that_talks_without_end_and_never_answers_is_ended_in_time(short_child, tmp_path):
    started = time.monotonic()
    with pytest.raises(TimedOut):
        convert(short_child, tmp_path, "drips_progress")
    assert time.monotonic() - started < 1.5 + 5


def test_an_answer_before_the_question_is_not_taken_for_the_next_document(child, tmp_path):
    convert(child, tmp_path, "answers_later")
    pid = child.pid
    time.sleep(0.5)
    assert convert(child, tmp_path, "innocent").document.name == "innocent.pdf"
    assert child.pid != pid


def test_a_child_that_no_longer_listens_is_ended_in_time(short_child, tmp_path):
    """A request larger than a pipe, to a child whose reading was stopped by the document before."""
    converted = convert(short_child, tmp_path, "good")
    os.kill(short_child.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        short_child.split(doc_id="d", conversion_id="c", pages=converted.pages * 2000, workdir=tmp_path / "good.work")
    assert time.monotonic() - started < 1.5 + 5


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus")
def test_hostile_files_end_by_name_through_the_real_converter(tmp_path):
    """Bombs, broken and encrypted files: each ends as a result or as one of our errors, within its limits."""
    gnarly = CORPUS.parent / "gnarly"
    limits = Limits(timeout_s=30, memory_mb=2048, max_pages=1000)
    with open_child(limits, opener="ingest.converter") as child:
        for path in sorted(gnarly.glob("[bep]*.pdf")):
            workdir = tmp_path / path.stem
            workdir.mkdir()
            started = time.monotonic()
            try:
                converted = child.convert(
                    Source(name=path.name, path=path, sha256="0" * 64, size=path.stat().st_size),
                    conversion_id="c",
                    workdir=workdir,
                )
                assert converted.peak_mb < limits.memory_mb
            except RereadError as error:
                assert error.code != "error"
            assert time.monotonic() - started < 30 + 15, path.name


KILLED = """
import os, signal
from test_sandbox import open_child
child = open_child()
child.start()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_process_is_removed_by_the_next_child():
    process = start(KILLED)
    process.communicate(timeout=60)
    parent = Path(_folder_for_all())
    assert list(parent.glob(f"{process.pid}@*~{SCRATCH}*"))
    with open_child() as child:
        child.start()

        assert not list(parent.glob(f"{process.pid}@*~{SCRATCH}*"))
        assert list(parent.glob(f"{os.getpid()}@*~{SCRATCH}*"))
