"""Recordings, with Docling's ASR pipeline and Whisper: an extra, because it brings packages and weights of its own."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from errors import NotInstalled

MODEL = "tiny"  #: of Whisper; 75 MB


def speech_option(artifacts: Path | None, name: str) -> dict[Any, Any]:
    """Docling's option for audio, with its weights on disk; raises NotInstalled, which names what is missing."""
    folder = artifacts or Path.home() / ".cache" / "whisper"
    _check(folder, name)
    from docling.datamodel.asr_model_specs import WHISPER_TINY_NATIVE
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import AsrPipelineOptions
    from docling.document_converter import AudioFormatOption

    options = AsrPipelineOptions(artifacts_path=folder, asr_options=WHISPER_TINY_NATIVE, enable_remote_services=False)
    return {InputFormat.AUDIO: AudioFormatOption(pipeline_options=options)}


def _check(folder: Path, name: str) -> None:
    weights = folder / f"{MODEL}.pt"
    missing = [] if importlib.util.find_spec("whisper") else ["the package openai-whisper"]
    missing += [] if shutil.which("ffmpeg") else ["the program ffmpeg"]
    missing += [] if weights.is_file() else [f"the weights {weights}"]
    if missing:
        raise NotInstalled(
            f"{name} is a recording, and to write down what is said needs {', '.join(missing)}. Nothing was kept. Install with "
            f"`pip install 'reread[asr]'` and ffmpeg, fetch the weights with "
            f"""`python -c "import whisper; whisper.load_model('{MODEL}', download_root='{folder}')"`, then add it again."""
        )
