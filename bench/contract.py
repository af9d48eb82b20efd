"""Schemathesis against the running API: every operation, documented answers only, no 5xx, and sequences of calls.

    python bench/contract.py --cases 200 [--seed 1] [--keep-going]

The server is uvicorn on a loopback port with a library of a few papers, jobs in every state, a run and a webhook, so that requests
find something. What is checked: no server error, documented status codes, content types, headers and bodies, refused methods, and
that a removed thing is gone.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import structlog  # noqa: E402
from api_server import Api, serving  # noqa: E402

from errors import RereadError  # noqa: E402
from records import JobState  # noqa: E402

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "use_after_free", "missing_required_header", "negative_data_rejection",
)  # fmt: skip
PHASES = "examples,coverage,fuzzing,stateful"


def prepare(api: Api) -> None:
    """Something for every kind of request to find."""
    api.store_named("a.pdf", "b.pdf", tenant="alice")
    api.store_named("c.pdf")
    api.submit("queued", "paused", "cancelled", "failed")
    running = api.claim()
    api.ledger.fail(running, code="damaged", message="It cannot be parsed.")
    for job, action in zip(api.get("/v1/jobs?state=queued", key=api.alice).json()["items"], ("pause", "cancel"), strict=False):
        api.post(f"/v1/jobs/{job['id']}/{action}", key=api.alice)


@contextmanager
def ending_everything(api: Api) -> Iterator[None]:
    """Nobody works here, so what is submitted is cancelled after a moment: a stream of events or a client that waits has an end."""
    stop = threading.Event()

    def end() -> None:
        ledger = api.ledger
        while not stop.wait(0.3):
            for state in (JobState.QUEUED, JobState.PAUSED, JobState.RUNNING):
                for job in ledger.find_jobs(tenant=None, state=state, limit=500):
                    with suppress(RereadError):
                        ledger.cancel(job)
            for run in ledger.runs():
                if not run.state.is_final:
                    ledger.set_run_state(run.id, JobState.CANCELLED)

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def run(
    api: Api, *, cases: int, seed: int | None = None, keep_going: bool = False, phases: str = PHASES, only: str | None = None
) -> int:
    """Schemathesis with this many cases per operation; its exit status. Its findings are on stdout."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{api.url}/openapi.json", "-H", f"X-Api-Key: {api.admin}",
        "--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(cases), "--workers", "2",
        "--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off", "--no-shrink",
    ]  # fmt: skip
    command += ["--seed", str(seed)] if seed is not None else []
    command += ["--include-operation-id", only] if only else []
    command += ["--continue-on-failure"] if keep_going else []
    with tempfile.TemporaryDirectory() as folder:  # it leaves its examples where it runs
        return subprocess.run(command, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200, help="of each operation")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--phases", default=PHASES)
    parser.add_argument("--only", help="the id of one operation, such as submit_documents")
    parser.add_argument("--keep-going", action="store_true")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), max_queued=100) as api:
        prepare(api)
        with ending_everything(api):
            status = run(api, **vars(chosen))
        print(f"{sum(sum(states.values()) for states in api.ledger.job_counts().values())} jobs were made")
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)


if __name__ == "__main__":
    main()
