"""worker.py over light parts: `celery -A bench.standins worker -Q convert,extract,write,maintain`.

Celery, Redis, the ledger, LanceDB, staging and the writer are the real ones; see light_parts.py for what is not.
"""

from __future__ import annotations

from functools import cache

import worker
from bench.light_parts import LightPlace
from settings import load_settings
from worker import app
from workplace import Workplace

__all__ = ["app"]

#: The processes of the pool are fresh interpreters: they find the stand-ins only where they import this too.
app.conf.include = ["bench.standins"]


@cache
def place() -> Workplace:
    return LightPlace(load_settings())


worker.place = place  # what the tasks open, in every process that imports this
