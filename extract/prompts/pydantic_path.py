"""The JSON schema of a Pydantic model that a prompt names as 'package.module:Model'.

The module is imported in a process of its own, in the working folder: it may be called as a module of ours is, may print, may
hang, and stays out of this process. Pydantic leaves out what a model server needs to come to an end, so `strict` writes it in.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from extract.prompts.schema_linting import SHORT_FORMATS
from extract.schema import Schema, is_nullable, subschemas, types_of

PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
#: Seconds for the import; torch, the slowest thing that anybody imports beside a model, takes 5.
TIMEOUT_S = 60.0
#: What is written in where a model sets no bound.
MAX_TEXT, MAX_ITEMS = 400, 50

_MARK = "reread-schema:"
_CHILD = f"""
import importlib, json, sys
sys.path.insert(0, "")
module, _, name = sys.argv[1].partition(":")
stdout, sys.stdout = sys.stdout, sys.stderr
try:
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    answer = {{"schema": found.model_json_schema()}}
except BaseException as error:
    answer = {{"error": type(error).__name__ + ": " + str(error)}}
print({_MARK!r} + json.dumps(answer), file=stdout, flush=True)
"""


class NoPydanticModel(Exception):
    """Why there is no schema at this path."""


def schema_at_path(path: str, *, folder: Path) -> Schema:
    """The strict schema of the model at this path, imported in this folder. Raises NoPydanticModel."""
    if not PATH.fullmatch(path):
        raise NoPydanticModel(f"{path!r} must read 'package.module:Model'")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, path], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NoPydanticModel(f"importing {path!r} took more than {TIMEOUT_S:.0f} s") from error
    _, mark, answer = done.stdout.rpartition(_MARK)
    told: dict[str, Any] = json.loads(answer) if mark else {"error": f"the import ended Python: {done.stderr.strip()[-200:]}"}
    if "error" in told:
        raise NoPydanticModel(f"{path!r} gives no Pydantic model: {told['error']}")
    return strict(told["schema"])


def strict(schema: Schema) -> Schema:
    """The schema with everything that Pydantic leaves open closed: no further fields, every text and list bounded, a field
    whose default is None always there and null where the text does not say it. Left out are titles made from names, and what
    vLLM's grammar cannot say of a set and of long formats."""
    schema = json.loads(json.dumps(schema))
    for path, part in list(subschemas(schema)):
        _close(part)
        _bound(part)
        if part.get("title", "").replace(" ", "").lower() == str(path[-1] if path else "").replace("_", "").lower() or not path:
            part.pop("title", None)
        part.pop("default", None)
        part.pop("discriminator", None)  # names $defs, which a server never sees
    return schema


def _close(part: Schema) -> None:
    if not part.get("properties"):
        return
    part.setdefault("additionalProperties", False)
    needed = set(part.get("required", []))
    part["required"] = [
        name
        for name, field in part["properties"].items()
        if name in needed or (field.get("default", ...) is None and is_nullable(field))
    ]


def _bound(part: Schema) -> None:
    types = types_of(part)
    if "enum" in part or "const" in part:
        return
    if "string" in types and part.get("format") not in SHORT_FORMATS:
        part.pop("format", None)
    if "string" in types and "pattern" not in part and "format" not in part:
        part.setdefault("maxLength", MAX_TEXT)
    if "array" in types:
        part.setdefault("maxItems", MAX_ITEMS)
        part.pop("uniqueItems", None)
