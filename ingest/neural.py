"""Docling's own pipeline with its layout model and TableFormer, from weights on disk."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from errors import WeightsMissing

if TYPE_CHECKING:
    from docling.document_converter import DocumentConverter

#: Folders inside `artifacts`, as `docling-tools models download` lays them out.
_WEIGHTS = ("docling-project--docling-layout-heron", "docling-project--docling-models")


def open_neural(timeout_s: float, artifacts: Path | None) -> DocumentConverter:
    """The pipeline with its weights loaded; raises WeightsMissing where they or the packages that run them are not there."""
    folder = artifacts or Path.home() / ".cache" / "docling" / "models"
    _check_weights(folder)
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import ThreadedPdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = ThreadedPdfPipelineOptions(
        artifacts_path=folder,
        do_ocr=False,
        do_table_structure=True,
        document_timeout=0.8 * timeout_s,
        enable_remote_services=False,
        allow_external_plugins=False,
    )
    docling = DocumentConverter(
        allowed_formats=[InputFormat.PDF], format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)}
    )
    docling.initialize_pipeline(InputFormat.PDF)
    return docling


def _check_weights(folder: Path) -> None:
    missing = [f"{folder / name}" for name in _WEIGHTS if not (folder / name).is_dir()]
    packages = [name for name in ("torchvision", "docling_ibm_models") if importlib.util.find_spec(name) is None]
    if not missing and not packages:
        return
    lacks = ", ".join([f"the package {name}" for name in packages] + missing)
    raise WeightsMissing(
        f"The converter 'neural' needs {lacks}. No document was read. Install with `pip install docling torchvision`, "
        f"fetch the weights with `docling-tools models download -o {folder} layout tableformer`, or use the converter 'rules'."
    )
