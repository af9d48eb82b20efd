"""What differs between two prompts in what they ask, not in how their files are written.

A schema is compared field by field, since that is what a user means by it: a field that is new, gone, of another type, told in
other words, or elsewhere in the order (a model writes its answer in that order).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extract.schema import Schema, core, inlined, is_nullable, properties, types_of
from records import Prompt

#: Keys of a field that are compared by name, each as its own change; what is left is its bounds.
_OWN = ("type", "description", "properties", "items", "required", "additionalProperties", "anyOf", "oneOf", "allOf", "title")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that two prompts ask differently."""

    what: str  #: 'system', 'prompt', 'field', or the key of the prompt file
    path: str  #: of a field, such as 'measurements[].value'; else ''
    how: str  #: added, removed, moved, changed, or of a field what was: type, description, bounds, hints
    before: str
    after: str


def differences(before: Prompt, after: Prompt) -> list[Change]:
    """Every change from one prompt to the other; none where their hashes are the same."""
    found = [*_texts(before, after), *_fields(before.schema, after.schema)]
    for what in ("unit", "kinds", "route", "sees", "examples", "options", "checks", "verify"):
        was, now = _told(getattr(before, what)), _told(getattr(after, what))
        if was != now:
            key = "reads" if what == "kinds" else what
            found.append(Change(what=key, path="", how="changed", before=was, after=now))
    if not found and before.hash != after.hash:
        found.append(Change(what="schema", path="", how="moved", before="its keys in one order", after="in another"))
    return found


def asked_again(before: Prompt, after: Prompt, read: int = 0) -> str:
    """What a reprocess with the second prompt asks that was asked with the first, in words; `read` is how many units of the
    library the first has read."""
    if before.hash == after.hash:
        return "Nothing would be asked again: both ask the same."
    units = f"the {read:,} units that {before.name!r} has read here" if read else "each unit"
    return f"Everything would be asked again: {units} with {after.name!r} ({after.hash[:12]})."


def _texts(before: Prompt, after: Prompt) -> Iterator[Change]:
    for what, was, now in (("system", before.system, after.system), ("prompt", before.template, after.template)):
        if was != now:
            yield Change(what=what, path="", how="changed", before=was, after=now)


def unified(change: Change) -> list[str]:
    """A changed text as the lines of a unified diff, without its head."""
    lines = difflib.unified_diff(change.before.splitlines(), change.after.splitlines(), lineterm="", n=2)
    return list(lines)[2:]


def _fields(before: Schema, after: Schema) -> Iterator[Change]:
    was, now = fields_by_path(before), fields_by_path(after)
    for path in was:
        if path not in now:
            yield Change(what="field", path=path, how="removed", before=was[path]["type"], after="")
    for path, facts in now.items():
        if path not in was:
            yield Change(what="field", path=path, how="added", before="", after=facts["type"])
            continue
        for how, value in facts.items():
            if was[path][how] != value:
                yield Change(what="field", path=path, how=how, before=was[path][how], after=value)
    kept_before, kept_after = [path for path in was if path in now], [path for path in now if path in was]
    if kept_before != kept_after:
        yield Change(what="field", path="", how="moved", before=", ".join(kept_before), after=", ".join(kept_after))


def fields_by_path(schema: Schema) -> dict[str, dict[str, str]]:
    """Each field's path, such as 'measurements[].value', with its type, description, bounds and hints in words."""
    return dict(_walk(inlined(schema), "", is_required=True))


def _walk(schema: Schema, path: str, *, is_required: bool) -> Iterator[tuple[str, dict[str, str]]]:
    nullable, schema = is_nullable(schema), core(schema)
    yield path or "(record)", _facts(schema, nullable, is_required)
    if isinstance(schema.get("items"), dict):
        yield from _walk(schema["items"], f"{path}[]", is_required=True)
    for name, part in properties(schema).items():
        inner = f"{path}.{name}" if path else name
        yield from _walk(part, inner, is_required=name in schema.get("required", []))


def _facts(schema: Schema, nullable: bool, is_required: bool) -> dict[str, str]:
    named = " or ".join(name for name in types_of(schema) if name != "null") or "any"
    rest = {key: value for key, value in schema.items() if key not in _OWN}
    bounds = {key: value for key, value in rest.items() if not key.startswith("x-")}
    return {
        "type": named + (" or null" if nullable else "") + ("" if is_required else ", may be left out"),
        "description": str(schema.get("description", "")),
        "bounds": _told({key: _without_null(value) for key, value in bounds.items()}),
        "hints": _told({key: value for key, value in rest.items() if key.startswith("x-")}),
    }


def _without_null(value: Any) -> Any:
    return [one for one in value if one is not None] if isinstance(value, list) else value


def _told(value: Any) -> str:
    """A value of a prompt in words that a person compares."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {json.dumps(part, ensure_ascii=False)}" for key, part in sorted(value.items())) or "none"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if isinstance(value, tuple):
        return "\n".join(part if isinstance(part, str) else f"{part.text}\n{_told(part.answer)}" for part in value) or "none"
    return "none" if value is None else str(value)


def field_names(schema: Schema) -> list[str]:
    """What a record holds, for a person who chooses a prompt: 'measurements: quantity, value, unit'. Quotes are left out."""
    held: dict[str, list[str]] = {}
    for path, facts in fields_by_path(schema).items():
        around, _, name = path.rpartition(".")
        if name not in ("quote", "(record)") and not facts["type"].startswith(("array", "object")):
            held.setdefault(around.replace("[]", ""), []).append(name.removesuffix("[]"))
    return [f"{around}: {', '.join(names)}" if around else ", ".join(names) for around, names in held.items()]
