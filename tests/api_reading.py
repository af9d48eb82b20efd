"""A small prompt for the tests of runs and extractions, and a worker of this process that reads and writes what is queued."""

from __future__ import annotations

from typing import Any

from api_server import Api
from fake_flow import FakeReader, panel_of

import pipeline
from extract.prompts.files import parse_prompt
from rereading import Question, ReadReport

PROMPT = """\
name: half-life
unit: chunk
reads: [text]
prompt: Give the half-life.
schema:
  type: object
  additionalProperties: false
  required: [value]
  properties:
    value: {type: [string, "null"], maxLength: 200, x-kind: quantity}
"""


def with_reader(api: Api, reader: FakeReader | None = None) -> FakeReader:
    """Have every run read by this fake; returns it."""
    reader = reader or FakeReader()
    api.place.panel = lambda named: panel_of(reader)  # type: ignore[method-assign]
    return reader


def work_off(api: Api) -> None:
    """Read and store everything that is queued for runs, as workers would."""
    for run in api.ledger.open_runs():
        question = Question(prompt=parse_prompt(run.prompt or "", named="run"), panel=api.place.panel(run.model))
        pipeline._read_queued(
            question, f"read:{run.id}", library=api.place.library, ledger=api.ledger, report=ReadReport(run_id=run.id),
            progress=lambda *_: None,
        )  # fmt: skip
        pipeline.close_run(run, ledger=api.ledger)


def submit(api: Api, *, key: str | None = None, prompt: str = PROMPT, **more: Any) -> dict[str, Any]:
    """Submit a run; returns it as it was answered."""
    answer = api.post("/v1/runs", key=key or api.alice, json={"inline": prompt, **more})
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json()
    return run


def read(api: Api, **more: Any) -> dict[str, Any]:
    """Submit a run and have it done; returns it as it is then."""
    run = submit(api, **more)
    work_off(api)
    found: dict[str, Any] = api.get(f"/v1/runs/{run['id']}", key=more.get("key") or api.alice).json()
    return found
