"""`reprocess --emit-batch` and `--import-batch`: a run by way of files, for hosts that read overnight at half the price."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from records import Lane, as_json

if TYPE_CHECKING:
    from batching import Fit
    from extract.models.batch import Answers
    from rereading import Question
    from store.library import Library


def emit(question: Question, doc_ids: Sequence[str], file: Path, *, library: Library) -> dict[str, Any]:
    """Write what is left to read as a batch; with models of two lanes one file for each, its alias before the ending.

    A file is whole or not there: it is written under another name and renamed at its end.
    """
    import batching

    n_models = sum(lane is not Lane.EMBEDDED for lane in question.lanes)
    parts: dict[Path, Path] = {}

    def open_file(alias: str) -> TextIO:
        path = file if n_models == 1 else file.with_name(f"{file.stem}.{alias}{file.suffix}")
        parts[path] = path.with_name(path.name + ".part")
        try:
            return parts[path].open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--emit-batch") from error

    report = batching.emit(question, doc_ids, library=library, open_file=open_file)
    for path, part in parts.items():
        part.replace(path)
    return {**as_json(report), "files": [{"path": str(path), "bytes": path.stat().st_size} for path in parts]}


def show_emitted(report: dict[str, Any]) -> None:
    """What was written, and what was not."""
    import screens
    from extract.models.batch import MOST_BYTES, MOST_LINES

    for (alias, n), file in zip(report["requests"].items(), report["files"], strict=True):
        print(f"{n:,} requests to {alias} written to {file['path']} ({file['bytes'] / 1e6:,.1f} MB)")
        if n > MOST_LINES or file["bytes"] > MOST_BYTES:
            most = f"{MOST_LINES:,} requests and {MOST_BYTES // 1_000_000} MB"
            screens.note(f"OpenAI takes {most} in one file; vLLM takes any. Use --doc for less.")
    if not report["requests"]:
        print("nothing is left to read: no file was written")
    others = {
        "read_here": "are for the embedded lane: the import reads them",
        "known": "were read before",
        "too_long": "do not fit the model",
    }
    for name, words in others.items():
        if report[name]:
            screens.note(f"{report[name]:,} chunks {words}")


def answers_for(question: Question, files: Sequence[Path], doc_ids: Sequence[str], *, library: Library) -> tuple[Question, Fit]:
    """The question with the answers of these files, and how they fit what is left."""
    import batching

    answers: Answers = batching.answers_of(files)
    found = batching.fit(question, answers, doc_ids, library=library)
    return batching.answered(question, answers), found


def show_fit(found: Fit) -> None:
    """What of the answers cannot be used, and what has none."""
    import screens

    for n, words in (
        (found.known, "answers are for chunks that were read before: nothing became of them"),
        (found.unknown, "answers are for no chunk of this question over these papers"),
        (found.repeated, "lines repeat an id: the first answer stands"),
        (found.missing, "chunks have no answer; they are kept as failed, and the same reprocess reads them online"),
    ):
        if n:
            screens.note(f"{n:,} {words}")
    for line in found.unreadable[:5]:
        screens.note(f"not read: {line}")
    if len(found.unreadable) > 5:
        screens.note(f"not read: {len(found.unreadable) - 5:,} more lines")
