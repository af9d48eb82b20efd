"""Exit 0 when this machine's vLLM still writes: one token, for `/health` says 200 while the engine is dead (vLLM issue 39863).

A server that refuses because its queue is full (503) is alive; restarting it would lose the queue.
"""

import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVER = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
PATIENCE_S = 25  #: less than the healthcheck's timeout

with urlopen(f"{SERVER}/v1/models", timeout=PATIENCE_S) as answer:
    model = json.load(answer)["data"][0]["id"]
body = json.dumps({"model": model, "prompt": "a", "max_tokens": 1}).encode()
try:
    with urlopen(Request(f"{SERVER}/v1/completions", body, {"Content-Type": "application/json"}), timeout=PATIENCE_S) as answer:
        json.load(answer)["choices"][0]
except HTTPError as refusal:
    sys.exit(0 if refusal.code == 503 else f"{SERVER} answered {refusal.code}")
