"""The scenarios of `bench/load` in a small form: what they promise, whatever time it takes. The figures are the long form's."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from needs import need

from bench.load.clients import Client, upload
from bench.load.endurance import endurance
from bench.load.overload import overload
from bench.load.queueing import queue
from bench.load.scaling import scaling
from bench.load.table import Line, percentile


@pytest.fixture(autouse=True, scope="module")
def redis() -> None:
    need(bool(shutil.which("redis-server")), "redis-server is not installed")


def missed(lines: list[Line], *but: str) -> list[str]:
    """The figures that miss their goal, those about time left out."""
    return [str(line) for line in lines if not line.is_met and not any(name in line.name for name in but)]


def test_who_comes_to_a_full_queue_is_told_when_to_come_again_and_what_was_accepted_is_finished():
    lines = overload(clients=10, submissions=60, max_queued=15, converters=2, is_once=True)

    assert missed(lines, "time of an answer") == []
    assert "429" in lines[0].measured  # it was full


def test_every_job_comes_through_the_queue_on_both_ways():
    lines = queue(n=60, rounds=1, concurrency=1)

    assert len(lines) == 4
    assert all("jobs/s" in line.measured for line in lines)


def test_two_convert_workers_share_the_work():
    lines = scaling(sleeping=12, real=0, turns=1)

    assert "papers/s" in lines[0].measured


def test_short_jobs_in_a_row_leave_nothing_behind_and_no_process_dies():
    lines = endurance(jobs=200, every_s=0.5, settle_s=0)

    assert missed(lines, "memory") == []
    assert not any("lives" in line.measured for line in lines)


def test_the_share_that_a_percentile_names_is_not_above_it():
    assert percentile(range(1, 101), 0.95) in (95, 96)
    assert percentile([7.0], 0.95) == 7.0


def test_an_answer_is_read_whole_and_the_connection_used_again():
    async def talk() -> list[tuple[int, bytes, str]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for n in (1, 2):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 429 No\r\nRetry-After: {n}\r\nContent-Length: 2\r\n\r\nno".encode())
            await writer.drain()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            client = Client(server.sockets[0].getsockname()[1], "key")
            answers = [await client.ask("GET", "/"), await client.ask("GET", "/")]
            client.close()
        return [(answer.status, answer.body, answer.headers["retry-after"]) for answer in answers]

    assert asyncio.run(talk()) == [(429, b"no", "1"), (429, b"no", "2")]


def test_an_upload_is_a_form_with_a_part_for_each_file():
    body, kind = upload([("a.pdf", b"%PDF-1"), ("b.pdf", b"%PDF-2")])
    boundary = kind.partition("boundary=")[2].encode()

    assert body.count(b"--" + boundary + b"\r\n") == 2
    assert body.endswith(b"--" + boundary + b"--\r\n")
