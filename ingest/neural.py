"""Docling's own pipeline with its layout model and TableFormer, from weights on disk.

The weights are fetched once, on a machine with a network (`reread models fetch`), and a folder of them can be carried to one without.
Nothing here fetches on its own: a converter that waits for a hub in the middle of an add is one that hangs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ConversionFailed, WeightsMissing

if TYPE_CHECKING:
    from docling.document_converter import DocumentConverter
    from docling_core.types.doc import DoclingDocument

#: Folders inside `artifacts`, as Docling's downloader lays them out: the layout model, TableFormer.
LAYOUT_FOLDER = "docling-project--docling-layout-heron"
TABLES_FOLDER = "docling-project--docling-models"
#: What each must hold: a download that broke off leaves a folder without it.
_WEIGHTS = {LAYOUT_FOLDER: "*.safetensors", TABLES_FOLDER: "model_artifacts/tableformer/*/*.safetensors"}
_PACKAGES = ("torchvision", "docling_ibm_models")


def weights_folder(artifacts: Path | None) -> Path:
    """The folder that the settings name, else Docling's own."""
    return artifacts or Path.home() / ".cache" / "docling" / "models"


def missing_parts(artifacts: Path | None) -> list[str]:
    """What the neural converter lacks here, packages first; nothing where it can be opened. Loads nothing."""
    folder = weights_folder(artifacts)
    packages = [f"the package {name}" for name in _PACKAGES if importlib.util.find_spec(name) is None]
    return packages + [str(folder / name / held) for name, held in _WEIGHTS.items() if not any((folder / name).glob(held))]


def lack_of(missing: list[str], artifacts: Path | None) -> str:
    """What is missing and how to have it, as one sentence of a longer text."""
    return (
        f"it needs {', '.join(missing)}. Install what runs it with `pip install 'reread[neural]'`, fetch the weights with "
        f"`reread models fetch --artifacts {weights_folder(artifacts)}` where there is a network"
    )


def open_neural(timeout_s: float, artifacts: Path | None) -> DocumentConverter:
    """The pipeline with its weights loaded; raises WeightsMissing where they or the packages that run them are not there."""
    if missing := missing_parts(artifacts):
        raise WeightsMissing(
            f"The converter 'neural' cannot be opened: {lack_of(missing, artifacts)}, or use the converter 'rules'. "
            "No document was read."
        )
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import ThreadedPdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = ThreadedPdfPipelineOptions(
        artifacts_path=weights_folder(artifacts),
        do_ocr=False,
        do_table_structure=True,
        document_timeout=0.8 * timeout_s,
        enable_remote_services=False,
        allow_external_plugins=False,
    )
    docling = DocumentConverter(
        allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)}
    )
    try:
        docling.initialize_pipeline(InputFormat.PDF)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise WeightsMissing(
            f"The weights in {weights_folder(artifacts)} could not be loaded: {error}. No document was read. "
            "Fetch them again with `reread models fetch --force`, or use the converter 'rules'."
        ) from error
    return docling


@dataclass(frozen=True, slots=True)
class NeuralPages:
    """Some pages as Docling's models read them."""

    document: DoclingDocument  #: of the pages that were read, under their own numbers; others are missing
    scores: dict[int, float]  #: the layout model's own confidence by page, 0 to 1, where it gave one


#: The pages of a PDF from a first to a last one, both counted from 1. Raises RereadError, or what torch raises.
ReadPages = Callable[[Path, int, int], NeuralPages]


def open_reader(timeout_s: float, artifacts: Path | None) -> ReadPages:
    """Docling's models for single pages; raises WeightsMissing."""
    docling = open_neural(timeout_s, artifacts)

    def read(path: Path, first: int, last: int) -> NeuralPages:
        result = docling.convert(path, raises_on_error=False, page_range=(first, last))
        scores = {number: page.layout_score for number, page in result.confidence.pages.items()}
        if not result.document.pages:
            raise ConversionFailed("; ".join(error.error_message for error in result.errors) or "no reason given")
        return NeuralPages(result.document, {number: score for number, score in scores.items() if score == score})

    return read


def fetch_weights(artifacts: Path | None, *, force: bool = False) -> Path:
    """Download the weights of both models from their hub; the folder that holds them. Raises WeightsMissing where that fails."""
    folder = weights_folder(artifacts)
    from docling.utils.model_downloader import download_models
    from httpx2 import HTTPError  # the hub's client, whose errors are no OSErrors

    try:
        folder.mkdir(parents=True, exist_ok=True)
        download_models(
            folder,
            force=force,
            progress=True,
            with_layout=True,
            with_tableformer=True,
            with_code_formula=False,
            with_picture_classifier=False,
            with_rapidocr=False,
        )
    except (OSError, HTTPError) as error:
        raise WeightsMissing(
            f"The weights could not be fetched to {folder}: {_first_line(error)}. What was there is kept. Check the network, "
            "or fetch them on another machine, copy the folder here and name it with --artifacts."
        ) from error
    return folder


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
