"""What all tests share: the samples, the shipped encoder, a fresh library with its ledger, a library with the samples in it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from makers import DIMENSION
from needs import need
from processes import ROOT

import pipeline
from errors import WeightsMissing
from jobs import Ledger
from settings import load_settings
from store.embedding import SHIPPED_MODEL, Embedder
from store.library import Library, create_library, open_library
from workplace import Workplace

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them every command that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "samples"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real papers beside the repository; only where the test is marked `corpus`."""
    folder = ROOT.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip(f"the papers of {folder} are not on this machine")
    return folder


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The shipped model, as every library has it."""
    try:
        return Embedder(SHIPPED_MODEL, dtype="bfloat16")
    except WeightsMissing as error:
        need(False, str(error))
        raise


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A fresh library for the vectors of `makers.embed`."""
    return create_library(tmp_path / "library", embedding="test", dimension=DIMENSION)


@pytest.fixture
def ledger(library: Library) -> Iterator[Ledger]:
    ledger = Ledger(library.root / "ledger.sqlite")
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def sample_library_folder(samples: Path, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the samples, added by real Docling children and the real encoder. Never to be written to."""
    root = tmp_path_factory.mktemp("samples") / "library"
    place = Workplace(load_settings(library=root, converters=1))
    place.create_library_if_missing()
    report = pipeline.add(
        sorted(samples.glob("*.pdf")), library=place.library, ledger=place.ledger, recipe=place.recipe, max_bytes=200 << 20,
        children=place.children, attempts=2, embed=lambda: embedder.embed, progress=lambda *_: None,
    )  # fmt: skip
    assert report.added == 4
    place.ledger.close()
    return root


@pytest.fixture
def sample_library(sample_library_folder: Path, tmp_path: Path) -> Library:
    """A copy for this test alone: a library is copied by copying."""
    root = shutil.copytree(sample_library_folder, tmp_path / "samples" / "library")
    return open_library(root, embedding=SHIPPED_MODEL)
