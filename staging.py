"""Results on their way from the worker that made them to the one writer: a folder each, under the library's `staging`.

A folder is filled under a temporary name and renamed when it is whole, so what stands there under its own name can be stored. Nothing
in it is pickled: JSON and a plain array, so that a folder in the wrong hands is bad data and not a program. A folder names the hash of
each of its files: nothing waits for the disk here, so after a power cut a file may be empty, or half.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import StagedUnusable
from ingest.sandbox import Converted
from records import Extraction, Job
from rereading import ReadDocument, Readings

if TYPE_CHECKING:
    import numpy as np

FOLDER = "staging"
PAPER = "converted.json"
READINGS = "readings.json"
VECTORS = "vectors.npy"
SUMS = "sums.json"
#: A folder that no job names is removed when it is older: its worker died, or its job was cancelled.
ABANDONED_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """`Readings` without their vectors, which stand in a file of their own."""

    reading_key: str
    extractions: tuple[Extraction, ...]
    years: dict[str, int | None]
    ended: tuple[ReadDocument, ...]


class Staging:
    """The staged results of one library, which workers and the writer share."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER
        self._root.mkdir(exist_ok=True)

    def put_paper(self, job: Job, converted: Converted, vectors: np.ndarray) -> str:
        """Stage a converted paper, whose files lie in a work folder that becomes the staged one; its name there."""
        folder = converted.docling_json.parent
        (folder / PAPER).write_bytes(_adapter(Converted).dump_json(converted))
        return self._keep(folder, vectors, f"{job.id}-{job.fence}")

    def paper(self, name: str) -> tuple[Converted, np.ndarray]:
        """A staged paper with its vectors; raises StagedUnusable."""
        folder = self._sound(name)
        converted: Converted = self._read(folder / PAPER, Converted)
        figures = tuple(replace(figure, png=folder / figure.png.parent.name / figure.png.name) for figure in converted.figures)
        document, markdown = folder / converted.docling_json.name, folder / converted.markdown.name
        if not all(path.is_file() for path in (document, markdown, *(figure.png for figure in figures))):
            raise StagedUnusable(f"The staged result {name} lacks some of its files.")
        vectors = self._vectors(folder)
        if len(vectors) != len(converted.chunks):
            raise StagedUnusable(f"The staged result {name} has {len(vectors)} vectors for {len(converted.chunks)} chunks.")
        return replace(converted, docling_json=document, markdown=markdown, figures=figures), vectors

    def put_readings(self, job: Job, readings: Readings, workdir: Path) -> str:
        """Stage what was read of some documents, the first of whose jobs names the folder that an empty work folder becomes."""
        import numpy as np

        plain = _Readings(
            reading_key=readings.reading_key,
            extractions=tuple(extraction for extraction, _ in readings.rows),
            years=readings.years,
            ended=readings.ended,
        )
        (workdir / READINGS).write_bytes(_adapter(_Readings).dump_json(plain))
        vectors = [vector for _, vector in readings.rows]
        return self._keep(workdir, np.array(vectors, dtype=np.float32), f"{job.id}-{job.fence}")

    def readings(self, name: str) -> Readings:
        """Staged readings; raises StagedUnusable."""
        folder = self._sound(name)
        plain: _Readings = self._read(folder / READINGS, _Readings)
        vectors = self._vectors(folder)
        if len(vectors) != len(plain.extractions):
            raise StagedUnusable(
                f"The staged result {name} has {len(vectors)} vectors for {len(plain.extractions)} extractions."
            )
        rows = tuple(zip(plain.extractions, vectors, strict=True))
        return Readings(reading_key=plain.reading_key, rows=rows, years=plain.years, ended=plain.ended)

    def folder(self, name: str) -> Path:
        return self._root / Path(name).name

    def is_paper(self, name: str) -> bool:
        return (self.folder(name) / PAPER).exists()

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def remove_abandoned(self, named: set[str]) -> int:
        """Remove folders that no job names any more; returns how many."""
        n = 0
        for folder in self._root.iterdir():
            with suppress(FileNotFoundError):
                if folder.name not in named and time.time() - folder.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)
                    n += 1
        return n

    def _keep(self, folder: Path, vectors: np.ndarray, name: str) -> str:
        import numpy as np

        np.save(folder / VECTORS, vectors, allow_pickle=False)
        (folder / SUMS).write_text(json.dumps(_sums(folder)))
        target = self.folder(name)
        os.utime(folder)  # its age counts from now
        with suppress(FileNotFoundError):
            shutil.rmtree(target)
        folder.rename(target)
        return name

    def _sound(self, name: str) -> Path:
        """The folder of this name, whose files are what was put there; raises StagedUnusable."""
        folder = self.folder(name)
        try:
            if json.loads((folder / SUMS).read_bytes()) == _sums(folder):
                return folder
        except (OSError, ValueError) as error:
            raise StagedUnusable(f"The staged result {name} cannot be used: {error}") from error
        raise StagedUnusable(f"The staged result {name} is not what was put there: a file is missing, or was changed.")

    @staticmethod
    def _read(path: Path, kind: Any) -> Any:
        from pydantic import ValidationError

        try:
            return _adapter(kind).validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StagedUnusable(f"The staged result {path.parent.name} cannot be used: {error}") from error

    @staticmethod
    def _vectors(folder: Path) -> np.ndarray:
        import numpy as np

        try:
            vectors: np.ndarray = np.load(folder / VECTORS, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise StagedUnusable(f"The staged result {folder.name} has no usable vectors: {error}") from error
        return vectors


def _sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
