"""`reread reprocess` as a user runs it, for the benches: a copy of a library, a prompt, a portfolio of one model, commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from records import ChunkKind
from settings import load_settings
from workplace import Workplace

ROOT = Path(__file__).resolve().parent.parent
PROMPT = ROOT / "bench/tiny_vllm/prompt.yaml"
RSS_EVERY_S = 0.05


class Desk:
    """A folder with a copy of a library and what is needed to read it."""

    def __init__(self, folder: Path, library: Path, docs: list[str]) -> None:
        self.folder, self._docs = folder, docs
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(library, folder / "library")

    def configure(self, base_url: str, *, opening: str = "", **settings: Any) -> None:
        """The model at this address; the prompt's instructions begin with this."""
        prompt = yaml.safe_load(PROMPT.read_text())
        prompt["system"] = f"{opening} {prompt['system']}".strip()
        (self.folder / "prompt.yaml").write_text(yaml.safe_dump(prompt, sort_keys=False, allow_unicode=True))
        given = {"base_url": base_url, "model": "text", **settings}
        lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
        (self.folder / "reread.toml").write_text("\n".join(["[models.tiny]", *lines, ""]))

    def reprocess(self, watch: Callable[[int], None] = lambda _: None) -> Any:
        """The report; `watch` is called with the process's id while it runs. An answer that failed is no failure of this."""
        named = [part for doc in self._docs for part in ("--doc", doc)]
        return json.loads(self.command("reprocess", "prompt.yaml", "--model", "tiny", "--json", *named, watch=watch))

    def readings(self, run_id: str) -> list[dict[str, Any]]:
        """The stored extractions of this run, its failures too."""
        return [json.loads(line) for line in self.command("export", run_id, "--failures").splitlines()]

    def command(self, *arguments: str, watch: Callable[[int], None] = lambda _: None) -> str:
        """What it printed. Ends this program where it failed as a whole."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments], cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(watch, process.pid, ended))
        watcher.start()
        out, said = process.communicate()
        ended.set()
        watcher.join()
        if process.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: {said}")
        return out


def _watch(watch: Callable[[int], None], pid: int, ended: threading.Event) -> None:
    while not ended.wait(RSS_EVERY_S):
        watch(pid)


def rss_mb(pid: int) -> float:
    """The memory that this process holds now; 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def docs_with(library: Path, n_chunks: int) -> tuple[list[str], int]:
    """Documents that hold together at least so many chunks of running text, and how many they hold."""
    place = Workplace(load_settings(library=library))
    docs: list[str] = []
    n = 0
    for document in place.library.documents():
        chunks, _ = place.library.chunks([document.id])[document.id]
        docs.append(document.id)
        n += sum(chunk.kind is ChunkKind.TEXT for chunk in chunks)
        if n >= n_chunks:
            return docs, n
    raise SystemExit(f"{library} holds {n} chunks of text; {n_chunks} were asked for")
