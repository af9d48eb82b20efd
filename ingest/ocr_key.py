"""What OCR adds to the identity of a conversion. Light: doors ask for it before anything slow is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from records import OcrChoice

PACKAGES = ("rapidocr", "onnxruntime")
#: Raised with every change of ours that changes what OCR gives.
_VERSION = 1


def ocr_key(choice: OcrChoice) -> str:
    """Part of the identity of all that is converted with this choice."""
    if choice.mode == "off":
        return "ocr=off"
    versions = [f"{name}/{importlib.metadata.version(name)}" for name in PACKAGES if importlib.util.find_spec(name)]
    figures = "+figures" if choice.figures else ""
    return " ".join([f"ocr/{_VERSION}={choice.mode}:{'+'.join(choice.languages)}{figures}", *versions])
