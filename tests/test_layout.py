"""The map of STYLE.md is true: imports go down, rooms do not know each other, each outside tool has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import ROOT, finished, start

LEVELS = {
    "floor": {"errors", "invisible", "kernel", "leftovers", "orders", "portfolio", "records", "settings"},
    "rooms": {"ingest", "extract", "store"},
    "flow": {
        "accounting",
        "adding",
        "batching",
        "broker",
        "counting",
        "jobs",
        "keeping",
        "observing",
        "pipeline",
        "planning",
        "rereading",
        "staging",
        "storing",
        "submitting",
        "watching",
        "webhooks",
        "working",
        "workplace",
    },
    "doors": {
        "api",
        "batch_commands",
        "checkup",
        "cli",
        "commands",
        "dev_server",
        "energy_commands",
        "energy_plot",
        "evidence_picture",
        "energy_screens",
        "model_commands",
        "paper_screens",
        "prompt_commands",
        "prompt_screens",
        "route_commands",
        "route_screens",
        "screens",
        "service",
        "service_checkup",
        "serving",
        "worker",
    },
}
LEVEL_OF = {name: level for level, names in enumerate(LEVELS.values()) for name in names}
HOMES = {
    "docling": "ingest",
    "docling_core": "ingest",
    "docling_parse": "ingest",
    "bibtexparser": "ingest",
    "pylatexenc": "ingest",
    "defusedxml": "ingest",
    "lancedb": "store",
    "sentence_transformers": "store",
    "openai": "extract",
    "pynvml": "extract",
    "httpcore2": "ingest",
    "idna": "ingest",
    "psycopg": "jobs",
    "fastapi": "api",
}
SLOW = {"docling", "lancedb", "torch", "transformers", "sentence_transformers", "openai"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: where it stands, and the first part of what it imports."""

    file: Path
    line: int
    ours: str  #: the module or package of ours that imports
    target: str
    is_lazy: bool  #: inside a function, or for the type checker only

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def our_files() -> Iterator[Path]:
    for name in sorted(LEVEL_OF):
        yield from sorted((ROOT / name).rglob("*.py"))
        if (ROOT / f"{name}.py").exists():
            yield ROOT / f"{name}.py"


def imports_of(file: Path) -> Iterator[Import]:
    path = file.relative_to(ROOT)
    yield from _walk(ast.parse(file.read_text(encoding="utf-8")), path, path.parts[0].removesuffix(".py"), is_lazy=False)


def _walk(node: ast.AST, file: Path, ours: str, *, is_lazy: bool) -> Iterator[Import]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [ours if node.level else node.module or ""]
    yield from (Import(file, node.lineno, ours, name.split(".")[0], is_lazy) for name in names)  # type: ignore[attr-defined]
    inside = is_lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(node)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, file, ours, is_lazy=inside)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


IMPORTS = [found for file in our_files() for found in imports_of(file)]


def test_the_walk_sees_the_imports_of_every_level():
    assert {LEVEL_OF[found.ours] for found in IMPORTS} == {0, 1, 2, 3}
    assert any(found.is_lazy and found.target == "lancedb" for found in IMPORTS)


def test_every_module_of_ours_has_a_place_on_the_map():
    modules = {path.stem for path in ROOT.glob("*.py")}

    assert not modules - LEVEL_OF.keys()


def test_imports_go_down_only():
    up = [found for found in IMPORTS if LEVEL_OF.get(found.target, -1) > LEVEL_OF[found.ours]]

    assert not up, "\n".join(map(str, up))


def test_the_floor_uses_only_the_floor():
    assert not [str(found) for found in IMPORTS if found.ours in LEVELS["floor"] and LEVEL_OF.get(found.target, 0) > 0]


def test_a_room_never_imports_another_room():
    rooms = LEVELS["rooms"]
    crossing = [found for found in IMPORTS if found.ours in rooms and found.target in rooms - {found.ours}]

    assert not crossing, "\n".join(map(str, crossing))


@pytest.mark.parametrize("tool", HOMES)
def test_an_outside_tool_is_imported_in_its_home_only(tool):
    away = [found for found in IMPORTS if found.target == tool and found.ours != HOMES[tool]]

    assert not away, "\n".join(map(str, away))


#: Imported by the converter child alone, which is there for nothing else; no other module imports these at its top.
CHILD_ONLY = ("ingest/layout/",)


def test_slow_tools_are_imported_only_where_they_are_opened():
    eager = [
        found
        for found in IMPORTS
        if found.target in SLOW and not found.is_lazy and not found.file.as_posix().startswith(CHILD_ONLY)
    ]

    assert not eager, "\n".join(map(str, eager))


COMMAND = """
import sys
import cli
sys.argv = ["reread", *sys.argv[1:]]
try:
    cli.app()
except SystemExit:
    print("LOADED", *{name.partition(".")[0] for name in sys.modules})
"""


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules that this command has imported by its end."""
    out = finished(start(COMMAND, *arguments))
    return set(out.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ("add", "--help"), ("reprocess", "--help"), ("search", "--help")])
def test_help_does_not_wait_for_slow_tools(arguments):
    loaded = loaded_by(*arguments)

    assert "typer" in loaded
    assert not loaded & (SLOW | {"docling_core", "celery", "pyarrow"})


def test_opening_the_flow_does_not_wait_for_slow_tools():
    code = "import sys, pipeline, workplace; print(*{name.partition('.')[0] for name in sys.modules})"

    assert not set(finished(start(code)).split()) & (SLOW | {"docling_core"})
