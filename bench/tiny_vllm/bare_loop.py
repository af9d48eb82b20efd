"""Send requests from a file as fast as an asyncio loop can: what a server gives to a client that does nothing else.

    .venv-vllm/bin/python bench/tiny_vllm/bare_loop.py BASE_URL REQUESTS.jsonl CONCURRENCY

Prints one JSON object: requests, output tokens, seconds, and how many answers did not end with `stop`. aiohttp is what vLLM's own
benchmark client uses, and it comes with vLLM.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp


async def send_all(base_url: str, bodies: list[bytes], concurrency: int) -> dict[str, float]:
    slots = asyncio.Semaphore(concurrency)
    usage = []

    async def send(session: aiohttp.ClientSession, body: bytes) -> None:
        async with slots, session.post(f"{base_url}/chat/completions", data=body) as answer:
            said = await answer.json()
            usage.append((said["usage"]["completion_tokens"], said["choices"][0]["finish_reason"]))

    patient = aiohttp.ClientTimeout(total=None)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=patient, headers=headers) as session:
        started = time.perf_counter()
        await asyncio.gather(*(send(session, body) for body in bodies))
        seconds = time.perf_counter() - started
    unstopped = sum(reason != "stop" for _, reason in usage)
    return {"requests": len(usage), "tokens": sum(n for n, _ in usage), "seconds": seconds, "unstopped": unstopped}


if __name__ == "__main__":
    lines = Path(sys.argv[2]).read_bytes().splitlines()
    print(json.dumps(asyncio.run(send_all(sys.argv[1], lines, int(sys.argv[3])))))
