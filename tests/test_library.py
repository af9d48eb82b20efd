"""A library holds each thing once and whole, whoever writes, and however often a writer is killed."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from makers import DIMENSION, make_extraction, make_paper, save_extractions
from processes import finished, start

import leftovers
import store.library
from errors import EmbeddingMismatch, LibraryBusy, LibraryError, LibraryTooNew, NotFound, Unreadable
from records import SearchMode
from store import tables
from store.blobs import Blobs
from store.library import create_library, is_library, open_library, within
from store.lock import WriterLock
from store.search import Filter, search

PUT_BLOBS = """
import random, sys
from pathlib import Path
from store.blobs import Blobs
blobs = Blobs(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(10_000):
    blobs.put(random.Random(n).randbytes(300_000))
"""
SAVE_PAPERS = """
import sys
from pathlib import Path
from makers import make_paper
from store.library import open_library
library = open_library(Path(sys.argv[1]), embedding="test")
print("ready", flush=True)
for n in range(1000):
    library.save_papers([make_paper(f"{sys.argv[2]}-{n}-{i}.pdf", [f"text {j}" for j in range(20)]) for i in range(5)])
    print(n, flush=True)
"""
SAVE_SHARED = """
import sys
from pathlib import Path
from makers import make_extraction, make_paper, save_extractions
from store.library import open_library
library, me = open_library(Path(sys.argv[1]), embedding="test"), sys.argv[2]
for n in range(4):
    papers = [make_paper("shared.pdf"), make_paper(f"{me}-{n}.pdf")]
    library.save_papers(papers)
    save_extractions(library, *(make_extraction(chunk) for paper in papers for chunk in paper.chunks))
"""


def ids(library: store.library.Library, name: str) -> list[str]:
    return library.table(name).search().select(["id"]).to_arrow()["id"].to_pylist()


def rows_of(library: store.library.Library, name: str) -> list[dict[str, Any]]:
    return library.table(name).search().to_arrow().to_pylist()


# Blobs


def test_the_same_bytes_are_stored_once_under_their_own_hash(tmp_path):
    blobs = Blobs(tmp_path)

    assert blobs.put(b"bytes") == blobs.put(b"bytes") == hashlib.sha256(b"bytes").hexdigest()
    assert list(blobs.digests()) == [blobs.put(b"bytes")]
    assert blobs.get(blobs.put(b"bytes")) == b"bytes"
    assert blobs.get_text(blobs.put_text("Grüße")) == "Grüße"


def test_a_blob_that_is_missing_says_what_is_affected(tmp_path):
    with pytest.raises(LibraryError, match="reread audit"):
        Blobs(tmp_path).get("0" * 64)


def test_a_file_that_changed_since_it_was_hashed_is_refused_even_where_its_old_bytes_are_stored(tmp_path):
    blobs, file = Blobs(tmp_path / "blobs"), tmp_path / "paper.pdf"
    file.write_bytes(b"new bytes")
    old = blobs.put(b"old bytes")

    with pytest.raises(Unreadable, match=r"'paper.pdf' changed"):
        blobs.put_file(file, old)
    with pytest.raises(Unreadable, match="changed"):
        blobs.put_file(file, hashlib.sha256(b"never stored").hexdigest())
    file.unlink()
    with pytest.raises(Unreadable, match="still there"):
        blobs.put_file(file, old)
    assert list(blobs.digests()) == [old]


def test_a_disk_that_takes_nothing_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    blobs = Blobs(tmp_path)
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(LibraryError, match="No space left"):
        blobs.put(b"bytes")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_killed_writer_leaves_no_half_blob(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    for seed in range(5):
        writer = start(PUT_BLOBS, blobs.root)
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        time.sleep(random.Random(seed).uniform(0.01, 0.1))
        writer.kill()
        writer.communicate()

    there = list(blobs.digests())
    assert there
    assert all(blobs.is_sound(digest) for digest in there)


# Opening


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('format = 999\nembedding_model = "test"\ndimension = 8\n', LibraryTooNew),
        ('format = 1\nembedding_model = "another"\ndimension = 8\n', EmbeddingMismatch),
        ("format = 1\nembedding", LibraryError),
        ("format = 1\n", LibraryError),
        ('format = []\nembedding_model = "test"\ndimension = 8\n', LibraryError),
        ('format = "one"\nembedding_model = "test"\ndimension = 8\n', LibraryError),
        ("\x00", LibraryError),
        ("", LibraryError),
    ],
)
def test_a_library_that_cannot_be_opened_is_left_as_it_is(tmp_path, text, error):
    (tmp_path / "library.toml").write_text(text)

    with pytest.raises(error, match="Nothing was changed"):
        open_library(tmp_path, embedding="test")
    assert [path.name for path in tmp_path.iterdir()] == ["library.toml"]
    assert (tmp_path / "library.toml").read_text() == text


def test_bytes_that_are_no_text_are_no_library(tmp_path):
    (tmp_path / "library.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(LibraryError):
        open_library(tmp_path, embedding="test")


def test_a_folder_without_a_library_is_named_and_not_made_one(tmp_path):
    assert not is_library(tmp_path)
    with pytest.raises(LibraryError, match="There is no library"):
        open_library(tmp_path, embedding="test")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", 'a "quoted" \\ name', "módèle/日本"])
def test_a_library_opens_with_the_model_it_was_made_with_whatever_its_name(tmp_path, name):
    create_library(tmp_path, embedding=name, dimension=3)

    library = open_library(tmp_path, embedding=name)
    assert (library.embedding, library.dimension) == (name, 3)


def test_a_table_whose_making_was_cut_short_is_made_again(library):
    (library.root / "lance" / "documents.lance").mkdir(parents=True)

    library.save_papers([make_paper()])

    assert [document.name for document in library.documents()] == ["smith-2021.pdf"]


# Papers


def test_a_paper_comes_back_as_it_was_saved(library):
    paper = make_paper(year=2019, csl={"type": "article-journal"}, doi="10.1/x")
    library.save_papers([paper])

    chunks, vectors = library.chunks([paper.document.id])[paper.document.id]
    assert library.documents() == [paper.document]
    assert library.conversions(paper.document.id) == [paper.conversion]
    assert tuple(chunks) == paper.chunks
    assert vectors == pytest.approx(paper.vectors)


def test_a_paper_saved_twice_is_there_once(library):
    paper = make_paper()
    library.save_papers([paper, paper])
    library.save_papers([paper])

    counts = {name: library.count(name) for name in (tables.DOCUMENTS, tables.CONVERSIONS, tables.CHUNKS)}
    assert counts == {"documents": 1, "conversions": 1, "chunks": 3}


def test_what_a_crash_left_of_a_paper_is_replaced_by_the_next_save(library):
    paper = make_paper()
    library._add(tables.CHUNKS, store.library._chunk_rows(paper)[:2])  # killed before the rest

    library.save_papers([paper])

    assert sorted(ids(library, tables.CHUNKS)) == sorted(chunk.id for chunk in paper.chunks)


def test_a_new_conversion_retires_the_old_chunks_and_keeps_them(library):
    old, new = make_paper(texts=["old"]), make_paper(texts=["new", "newer"], converter="rules/2", title="Now with a title")
    library.save_papers([old])
    library.save_papers([new])

    chunks, _ = library.chunks([old.document.id])[old.document.id]
    assert [chunk.text for chunk in chunks] == ["new", "newer"]
    assert {row["text"]: row["is_current"] for row in rows_of(library, tables.CHUNKS)} == {
        "old": False,
        "new": True,
        "newer": True,
    }
    assert [document.title for document in library.documents()] == ["Now with a title"]
    assert len(library.conversions(old.document.id)) == 2


def test_a_deleted_document_is_gone_from_every_table_and_others_stay(library):
    gone, kept = make_paper("gone.pdf"), make_paper("kept.pdf")
    library.save_papers([gone, kept])
    save_extractions(library, *(make_extraction(chunk) for paper in (gone, kept) for chunk in paper.chunks))

    library.delete_documents([gone.document.id])

    for name in (tables.CONVERSIONS, tables.CHUNKS, tables.EXTRACTIONS):
        assert {row["doc_id"] for row in rows_of(library, name)} == {kept.document.id}
    assert library.documents() == [kept.document]


def test_an_extraction_comes_back_as_it_was_saved_and_a_repeat_replaces_it(library):
    paper = make_paper()
    failed = make_extraction(paper.chunks[0], error_code="answer_invalid", error="no JSON", raw="{")
    save_extractions(library, failed)
    assert list(library.extractions("r" * 64, [paper.document.id])) == [failed]
    assert library.readings("r" * 64, [paper.document.id]) == {}

    read = make_extraction(paper.chunks[0], {"value": 2.3, "note": "it's ≥ 2"})
    save_extractions(library, read)
    assert list(library.extractions("r" * 64, [paper.document.id])) == [read]
    assert library.readings("r" * 64, [paper.document.id])[read.id]["n_values"] == 1


def test_extractions_from_chunks_that_were_replaced_are_kept_but_not_given(library):
    old, new = make_paper(texts=["old"]), make_paper(texts=["new"], converter="rules/2")
    before, after = make_extraction(old.chunks[0]), make_extraction(new.chunks[0])
    other = make_extraction(old.chunks[0], reading_key="another question")
    save_extractions(library, before, after, other)

    library.retire_extractions("r" * 64, {old.document.id: {after.id}})

    assert list(library.extractions("r" * 64, [old.document.id])) == [after]
    assert list(library.extractions("another question", [old.document.id])) == [other]
    assert library.count(tables.EXTRACTIONS) == 3


def test_quotes_in_ids_are_only_text(library):
    assert within("id", ["it's", "' OR 1=1 --"]) == "id IN ('it''s', ''' OR 1=1 --')"
    library.save_papers([make_paper()])

    for hostile in ("' OR '1'='1", "'; DROP TABLE documents; --", "\\'", "é\0"):
        assert library.documents([hostile]) == []
        assert library.chunks([hostile])[hostile][0] == []
        library.delete_documents([hostile])
    assert library.count(tables.DOCUMENTS) == 1


# Writers


def test_processes_that_write_the_same_and_other_papers_leave_one_row_of_each(library):
    library.save_papers([make_paper("first.pdf")])  # so that the indices are there
    writers = [start(SAVE_SHARED, library.root, n) for n in range(4)]
    for writer in writers:
        finished(writer)

    assert library.table(tables.CHUNKS).list_indices()
    for name, wanted in ((tables.DOCUMENTS, 18), (tables.CONVERSIONS, 18), (tables.CHUNKS, 54), (tables.EXTRACTIONS, 51)):
        found = Counter(ids(library, name))
        assert (len(found), max(found.values())) == (wanted, 1), name


def test_rows_that_another_process_wrote_are_seen_at_once(library):
    assert library.documents() == []
    code = SAVE_PAPERS.replace("range(1000)", "range(1)")
    finished(start(code, library.root, "other"))

    assert len(library.documents()) == 5
    hits = search(library, "text", vector=None, mode=SearchMode.TEXT, only=Filter(), limit=3)
    assert len(hits) == 3


def test_a_killed_writer_leaves_whole_batches_and_never_loses_one_it_reported(library):
    reported: set[str] = set()
    for seed in range(5):
        writer = start(SAVE_PAPERS, library.root, seed)
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        first = writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.3))
        writer.kill()
        reported |= {f"{seed}-{line.strip()}" for line in [first, *writer.communicate()[0].splitlines()] if line.strip()}

        found = Counter(row["doc_id"] for row in rows_of(library, tables.CHUNKS) if row["is_current"])
        assert set(found.values()) <= {20}
    # A batch of which the chunks were written is there whole; all reported batches were.
    names = {document.name for document in library.documents() if document.id in found}
    assert {f"{batch}-{i}.pdf" for batch in reported for i in range(5)} <= names
    library.save_papers([make_paper("after.pdf")])
    assert Counter(ids(library, tables.CHUNKS)).most_common(1)[0][1] == 1


def test_a_writer_that_does_not_let_go_is_reported_and_a_dead_one_is_not_waited_for(tmp_path):
    holding = (
        "import sys; from pathlib import Path; from store.lock import WriterLock\n"
        "with WriterLock(Path(sys.argv[1])).held(): print('held', flush=True); sys.stdin.read()"
    )
    holder = start(holding, tmp_path / "write.lock")
    assert holder.stdout and holder.stdout.readline() == "held\n"
    lock = WriterLock(tmp_path / "write.lock", patience_s=0.1)

    with pytest.raises(LibraryBusy), lock.held():
        pass
    holder.kill()
    holder.communicate()
    with lock.held(), lock.held():
        pass


def test_threads_of_one_process_write_one_after_another(tmp_path):
    lock, inside, most = WriterLock(tmp_path / "write.lock"), [], []

    def write() -> None:
        for _ in range(20):
            with lock.held():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


# Housekeeping


def test_what_dead_processes_left_is_removed_and_what_others_do_now_is_not(library, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    dead = leftovers.name_in_progress()
    monkeypatch.undo()
    alive, elsewhere = leftovers.name_in_progress(), f"1@not-{socket.gethostname()}~x"
    for folder in (library.root / "tmp", library.blobs.in_progress):
        folder.mkdir(parents=True)
        (folder / alive).write_text("being written")
        (folder / elsewhere).write_text("being written")
        (folder / "not of ours").write_text("whatever")
    (library.root / "tmp" / dead).mkdir()
    (library.root / "tmp" / dead / "docling.json").write_text("{}")
    (library.blobs.in_progress / dead).write_text("half a blob")

    with library.scratch() as scratch:
        (scratch / "work").mkdir()

    for folder in (library.root / "tmp", library.blobs.in_progress):
        assert sorted(path.name for path in folder.iterdir()) == sorted([alive, elsewhere, "not of ours"])


@pytest.mark.filterwarnings("ignore:optimize")
def test_many_small_commits_do_not_fill_the_disk(library, monkeypatch):
    monkeypatch.setattr(store.library, "KEEP_VERSIONS", timedelta(0))
    for n in range(60):
        library.save_papers([make_paper(f"{n}.pdf")])
    library.maintain()

    table, folder = library.table(tables.CHUNKS), library.root / "lance" / "chunks.lance"
    assert table.count_rows() == 180
    assert len(table.list_versions()) <= 50
    assert sum(1 for _ in (folder / "data").iterdir()) <= 40
    assert table.index_stats("searchable_idx").num_unindexed_rows <= 3 * 40


@pytest.mark.filterwarnings("ignore:optimize")
def test_old_versions_go_though_nobody_adds_any_more(library, monkeypatch):
    monkeypatch.setattr(store.library, "COMMITS_PER_LOOK", 1000)  # the process that made them died
    for n in range(20):
        library.save_papers([make_paper(f"{n}.pdf")])
    versions = library.root / "lance" / "chunks.lance" / "_versions"
    other = open_library(library.root, embedding="test")
    monkeypatch.setattr(store.library, "MANY_FILES", 10)
    other.forget_versions()
    assert len(list(versions.iterdir())) > 10  # a query may be under way on each
    monkeypatch.setattr(store.library, "KEEP_VERSIONS", timedelta(0))
    other.forget_versions()

    assert len(list(versions.iterdir())) <= 5
    assert other.count(tables.CHUNKS) == 60


def test_a_large_table_is_not_written_anew_for_a_few_rows(library, monkeypatch):
    monkeypatch.setattr(store.library, "ROWS_PER_PIECE", dict.fromkeys(store.library.ROWS_PER_PIECE, 10))
    rewritten = []
    for n in range(100):
        library.save_papers([make_paper(f"{n}.pdf")])
        largest = library.table(tables.CHUNKS).stats()["fragment_stats"]["lengths"]["max"]
        if largest not in rewritten:
            rewritten.append(largest)

    assert library.count(tables.CHUNKS) == 300
    assert len(rewritten) <= 5  # 3 rows, then ever larger wholes: not 100, and not one in 20


def test_many_new_rows_are_indexed_however_few_commits_brought_them(library, monkeypatch):
    monkeypatch.setattr(store.library, "FRESH_ROWS", 30)
    fresh = []
    for n in range(8):
        library.save_papers([make_paper(f"{n}.pdf", [f"Text {i}." for i in range(12)])])
        fresh.append(library.table(tables.CHUNKS).index_stats("searchable_idx").num_unindexed_rows)

    assert max(fresh) < 30 + 12
    assert 0 in fresh[1:]
    assert library.count(tables.CHUNKS) == 96


def test_a_copied_library_is_the_same_library(library, tmp_path):
    paper = make_paper()
    library.save_papers([paper])
    copy = open_library(shutil.copytree(library.root, tmp_path / "copy"), embedding="test")

    assert tuple(copy.chunks([paper.document.id])[paper.document.id][0]) == paper.chunks
    assert copy.dimension == DIMENSION
    assert Path(copy.root).parent == tmp_path


def test_documents_are_chosen_by_a_condition_over_their_columns(library):
    papers = [make_paper(f"{name}.pdf") for name in "ab"]
    library.save_papers(papers)

    assert library.document_ids("name = 'a.pdf'") == {papers[0].document.id}
    assert library.document_ids("name LIKE '%.pdf'") == {paper.document.id for paper in papers}


@pytest.mark.parametrize("where", ["yeer > 2000", "name = ", "1; DROP TABLE documents"])
def test_what_is_no_condition_is_named_with_the_columns_there_are(library, where):
    library.save_papers([make_paper("a.pdf")])

    with pytest.raises(NotFound, match=r"is no condition over documents: .*columns are id, name"):
        library.document_ids(where)
    assert library.count(tables.DOCUMENTS) == 1
