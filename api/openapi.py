"""Write the API's description to docs/openapi.json: `python -m api.openapi`. A test compares the two, so that a change of the API is
a change that somebody sees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api.app import create_app
from api.context import Service
from jobs import Ledger
from settings import load_settings
from workplace import Workplace

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def description() -> dict[str, Any]:
    """The OpenAPI document. It is the same wherever it is made: no setting changes it."""
    ledger = Ledger(":memory:")
    service = Service(place=Workplace(load_settings()), ledger=ledger, ring=lambda _: None, broker_is_up=lambda: False)
    document = create_app(service).openapi()
    return {**document, "info": {**document["info"], "version": "v1"}}  # a release that changes nothing here changes no line


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text(description()), encoding="utf-8")
    print(f"wrote {FILE}")
