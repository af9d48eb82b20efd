"""What the command line shows of prompt files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screens import note, out, printable, show_table

if TYPE_CHECKING:
    from extract.models.viewing import RequestView
    from extract.prompts.differences import Change
    from extract.prompts.trials import TrialResult

#: Characters of a value in a table.
LONGEST = 160


def show_prompts(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    if not rows:
        note(f"There are no prompts in {folder}.")
        return
    cells = [
        (row["name"], row["unit"], " ".join(row["reads"]), row["route"], "; ".join(row["fields"]), row["tests"])
        for row in rows
        if "name" in row
    ]
    show_table(("prompt", "unit", "reads", "route", "fields", "tests"), cells)
    for row in rows:
        if row["problems"]:
            note(f"{row['file']} is not valid: {len(row['problems'])} problems; `reread prompts lint {row['file']}` lists them")


def show_request(view: RequestView, *, is_sent: bool) -> None:
    """The body on stdout, what is to be known of it on stderr."""
    print(json.dumps(view.body, ensure_ascii=False, indent=2))
    if not is_sent:
        note("The embedded reader is sent no request: this is what a text model would be sent. Name one with --model.")
    note(f"the system message, about {view.prefix_tokens:,} tokens, is the same for every unit: a server reads it once")
    images = f" with {view.images} pictures" if view.images else ""
    note(f"of this unit about {view.unit_tokens:,} tokens{images}; {max(view.room_tokens, 0):,} are left for the answer")
    if view.invisible_signs:
        note(f"{view.invisible_signs:,} invisible signs of the text were left out")
    if view.room_tokens < 1:
        note("It is too long for the model's context, so it would not be sent. Use a smaller unit, or raise context_tokens.")


def show_tests(results: Sequence[TrialResult], alias: str) -> None:
    """A line for each test that passed, and one for each thing that did not come."""
    rows: list[tuple[str, str, str, str, str]] = []
    for result in results:
        if result.passed:
            rows.append(("pass", result.test.name, "", "", ""))
        elif result.error is not None:
            rows.append(("FAIL", result.test.name, "", "a record", _short(result.error)))
        else:
            rows += [("FAIL", result.test.name, miss.path, _short(miss.expected), _short(miss.came)) for miss in result.misses]
    show_table(("", "test", "at", "expected", "came"), rows)
    n_passed = sum(result.passed for result in results)
    seconds = sum(result.seconds for result in results)
    out().print(f"{n_passed} of {len(results)} passed with {alias} in {seconds:.1f} s", markup=False)


def show_changes(changes: Sequence[Change], again: str) -> None:
    from extract.prompts.differences import unified

    console = out()
    for change in changes:
        what = f"{change.what} {change.path}".strip()
        if change.what in ("system", "prompt", "examples", "checks"):
            console.print(f"{what} {change.how}", markup=False)
            console.print("\n".join(f"    {printable(line)}" for line in unified(change)), markup=False)
        elif change.how in ("added", "removed"):
            console.print(printable(f"{what} {change.how}: {change.after or change.before}"), markup=False)
        else:
            how = "" if change.how == "changed" else f" {change.how}"
            told = f"{what}{how}: {change.before or 'none'} → {change.after or 'none'}"
            console.print(printable(told), markup=False)
    console.print(again, markup=False)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"
