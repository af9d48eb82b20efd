"""A run by way of files gives the rows that it would have given online, whatever the answers file looks like."""

import json
from dataclasses import replace

import httpx2
import pytest
from fake_flow import Place, write_pdf
from makers import DIMENSION, make_prompt
from small_reader import SCHEMA
from test_main_job import MEASUREMENTS, reread

import batch_commands
import batching
import pipeline
from errors import BatchInvalid
from extract.devserver.server import DevServer
from extract.models.batch import Answers, read_answers
from extract.models.reader import open_model_reader
from extract.panel import Panel
from jobs import Ledger
from records import RouteMode, UnitKind
from rereading import Question
from settings import ModelSettings, RoutingSettings
from store.library import create_library

PROMPT = replace(make_prompt(), schema=SCHEMA)
PAPERS = {name: [f"In {name} {i} the half-life was 2.3 h." for i in range(3)] for name in ("a", "b")}


@pytest.fixture
def server():
    with DevServer() as running:
        yield running


@pytest.fixture
def places(tmp_path):
    """Two libraries with the same papers."""
    made = []
    for name in ("online", "by-file"):
        library = create_library(tmp_path / name, embedding="test", dimension=DIMENSION)
        place = Place(library, Ledger(library.root / "ledger.sqlite"))
        place.add(*(write_pdf(tmp_path / "in", f"{paper}.pdf", *lines) for paper, lines in PAPERS.items()))
        made.append(place)
    yield made
    for place in made:
        place.ledger.close()


def question(url, prompt=None, **keys):
    model = ModelSettings(**{"base_url": url, "model": "text", "timeout_s": 5, "attempts": 1, **keys})
    return Question(prompt=prompt or PROMPT, panel=Panel([open_model_reader("small", model)], RoutingSettings()))


def papers_of(place):
    return sorted({line.doc_id for line in place.ledger.lines("chunks")})


def emitted(place, asked, tmp_path):
    """The lines of the batch file."""
    report = batch_commands.emit(asked, papers_of(place), tmp_path / "batch.jsonl", library=place.library)
    file = tmp_path / "batch.jsonl"
    return report, [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def answer(server, request):
    """The line that a batch gives for this request, answered by this server."""
    answered = httpx2.post(server.base_url.removesuffix("/v1") + request["url"], json=request["body"], timeout=20)
    response = {"status_code": answered.status_code, "request_id": "r", "body": answered.json()}
    return {"id": "batch_req_1", "custom_id": request["custom_id"], "response": response, "error": None}


def imported(place, asked, tmp_path, *files):
    paths = []
    for i, lines in enumerate(files):
        paths.append(tmp_path / f"answers-{i}.jsonl")
        paths[-1].write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    answered, fit = batch_commands.answers_for(asked, paths, papers_of(place), library=place.library)
    return fit, reprocessed(place, answered)


def reprocessed(place, asked):
    return pipeline.reprocess(
        asked, model="small", doc_ids=papers_of(place), selection="all", library=place.library, ledger=place.ledger,
        progress=lambda *_: None,
    )  # fmt: skip


def rows(place, run_id):
    """What is stored of a run, but for what took time and for what the server had cached: that is its own."""
    found, _ = pipeline.run_extractions(place.ledger.run(run_id), library=place.library, ledger=place.ledger, everything=True)
    return sorted(
        (replace(e, reading=replace(e.reading, usage=replace(e.reading.usage, seconds=0, cached_tokens=None))) for e in found),
        key=lambda extraction: extraction.id,
    )


def test_the_rows_are_those_that_an_online_run_gives(server, places, tmp_path):
    online, by_file = places
    report = reprocessed(online, question(server.base_url))
    _, requests = emitted(by_file, question(server.base_url), tmp_path)
    fit, done = imported(by_file, question(server.base_url), tmp_path, [answer(server, request) for request in requests])

    assert (fit.answers, fit.unknown, fit.missing) == (6, 0, 0)
    assert report.run_id == done.run_id and done.read == 6
    assert rows(by_file, done.run_id) == rows(online, report.run_id)
    assert all(row.reading.evidence and row.reading.usage.prompt_tokens for row in rows(by_file, done.run_id))
    assert by_file.findings() == []


def test_a_request_is_the_one_that_would_be_sent_online(server, places, tmp_path):
    online, by_file = places
    reprocessed(online, question(server.base_url))
    report, requests = emitted(by_file, question(server.base_url), tmp_path)

    sent = {json.dumps(asked.body, sort_keys=True) for asked in server.requests}
    assert {json.dumps(request["body"], sort_keys=True) for request in requests} == sent
    assert {(request["method"], request["url"]) for request in requests} == {("POST", "/v1/chat/completions")}
    assert report["requests"] == {"small": 6}


def test_each_request_is_called_by_the_id_of_its_extraction(server, places, tmp_path):
    online, by_file = places
    report = reprocessed(online, question(server.base_url))
    _, requests = emitted(by_file, question(server.base_url), tmp_path)

    assert {request["custom_id"] for request in requests} == {row.id for row in rows(online, report.run_id)}


def test_emitting_asks_nobody_stores_nothing_and_leaves_out_what_was_read(server, places, tmp_path):
    place, _ = places
    before = emitted(place, question("http://127.0.0.1:9/v1"), tmp_path)[1]
    assert len(before) == 6 and place.ledger.runs() == [] and server.n_requests == 0

    reprocessed(place, question(server.base_url))
    (tmp_path / "batch.jsonl").unlink()
    report, after = emitted(place, question(server.base_url), tmp_path)
    assert after == [] and report["known"] == 6 and report["files"] == []


def test_a_batch_that_ended_half_way_is_finished_by_another_or_online(server, places, tmp_path):
    place, other = places
    asked = question(server.base_url)
    _, requests = emitted(place, asked, tmp_path)
    fit, done = imported(place, asked, tmp_path, [answer(server, request) for request in requests[:4]])
    assert (fit.answers, fit.missing, done.read, done.failed.total()) == (4, 2, 4, 2)

    report, rest = emitted(place, asked, tmp_path)
    assert [request["custom_id"] for request in rest] == [request["custom_id"] for request in requests[4:]]
    assert report["known"] == 4
    online = reprocessed(place, asked)
    assert (online.read, online.failed.total()) == (2, 0)
    assert rows(place, online.run_id) == rows(other, reprocessed(other, asked).run_id)


def test_errors_unknown_ids_repeats_and_broken_lines_cost_themselves_only(server, places, tmp_path):
    place, _ = places
    asked = question(server.base_url)
    _, requests = emitted(place, asked, tmp_path)
    good = [answer(server, request) for request in requests]
    refused = {**good[0], "response": {"status_code": 400, "request_id": "r", "body": {"error": {"message": "too long"}}}}
    expired = {**good[1], "response": None, "error": {"code": "batch_expired", "message": "not done in time"}}
    stranger = {**good[2], "custom_id": "f" * 64}
    lines = [refused, expired, stranger, "", good[2], good[2], good[3], json.dumps(good[4])[:-30]]
    fit, done = imported(place, asked, tmp_path, lines)

    assert (fit.answers, fit.unknown, fit.repeated, fit.missing) == (4, 1, 1, 2)
    assert len(fit.unreadable) == 1 and fit.unreadable[0].startswith("line 8:")
    assert done.read == 2 and done.failed == {"answer_refused": 2, "answer_empty": 2}
    errors = [row.reading.error for row in rows(place, done.run_id) if row.reading.error]
    assert any("HTTP 400" in error and "too long" in error for error in errors)
    assert any("not done in time" in error for error in errors)


def test_an_answer_stands_against_an_error_for_the_same_id_in_any_order(server, places, tmp_path):
    place, _ = places
    asked = question(server.base_url)
    _, requests = emitted(place, asked, tmp_path)
    good = [answer(server, request) for request in requests]
    errors = [{"custom_id": line["custom_id"], "response": None, "error": "expired"} for line in good]
    fit, done = imported(place, asked, tmp_path, [errors[0], *good, errors[1]], errors)

    assert done.read == 6 and fit.repeated == 8


@pytest.mark.parametrize(
    ("text", "finish_reason", "code"),
    [
        ('{"value": "cut', "length", "answer_truncated"),
        ('{"wrong": "schema"}', "stop", "answer_invalid"),
        ("", "stop", "answer_empty"),
        ('{"value": "x"}', "content_filter", "answer_refused"),
    ],
)
def test_an_answer_that_may_not_count_is_a_named_failure_with_what_came(server, places, tmp_path, text, finish_reason, code):
    place, _ = places
    asked = question(server.base_url)
    _, requests = emitted(place, asked, tmp_path)
    good = [answer(server, request) for request in requests]
    good[0]["response"]["body"]["choices"] = [{"message": {"content": text}, "finish_reason": finish_reason}]
    _, done = imported(place, asked, tmp_path, good)

    (failed,) = [row for row in rows(place, done.run_id) if not row.reading.is_ok]
    assert (failed.reading.error_code, failed.reading.raw) == (code, text) and done.read == 5
    assert failed.reading.usage.prompt_tokens, "it was paid for"


def test_answers_of_another_question_are_refused_and_nothing_is_stored(server, places, tmp_path):
    place, _ = places
    _, requests = emitted(place, question(server.base_url), tmp_path)
    lines = [answer(server, request) for request in requests]

    with pytest.raises(BatchInvalid, match="None of the 6 answers"):
        imported(place, question(server.base_url, revision="another"), tmp_path, lines)
    assert place.ledger.runs() == []


@pytest.mark.parametrize("text", ["", "not a batch\n", '{"custom_id": 7}\n'])
def test_a_file_without_answers_is_refused(tmp_path, text):
    (tmp_path / "answers.jsonl").write_text(text)

    with pytest.raises(BatchInvalid, match="holds no answer"):
        batching.answers_of([tmp_path / "answers.jsonl"])


def test_a_cascade_cannot_be_a_batch(server, places, tmp_path):
    place, _ = places

    with pytest.raises(BatchInvalid, match="asks for a cascade"):
        emitted(place, question(server.base_url, replace(PROMPT, route=RouteMode.CASCADE)), tmp_path)
    assert not list(tmp_path.glob("batch*"))


def test_a_unit_that_does_not_fit_the_model_is_left_to_the_run(server, places, tmp_path):
    place, _ = places
    asked = question(server.base_url, replace(PROMPT, unit=UnitKind.DOCUMENT), context_tokens=256)
    report, requests = emitted(place, asked, tmp_path)

    assert report["too_long"] == 2 and requests == []


def test_numbers_of_lines_are_those_of_an_editor():
    answers = Answers()
    read_answers(["\n", "{}\n"], answers)

    assert answers.unreadable[0].startswith("line 2:")


def test_the_command_writes_a_batch_and_takes_its_answers(server, sample_library, tmp_path):
    (tmp_path / "reread.toml").write_text(f'[models.small]\nbase_url = "{server.base_url}"\nmodel = "text"\n')
    here = ("--model", "small", "--library", str(sample_library.root))
    written = reread("reprocess", MEASUREMENTS, *here, "--emit-batch", "batch.jsonl", cwd=tmp_path)
    requests = [json.loads(line) for line in (tmp_path / "batch.jsonl").read_text().splitlines()]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(answer(server, request)) + "\n" for request in requests))
    done = reread("reprocess", MEASUREMENTS, *here, "--import-batch", "out.jsonl", "--json", cwd=tmp_path)

    assert f"{len(requests):,} requests to small written" in written.stdout
    report = json.loads(done.stdout)
    assert report["read"] == report["batch"]["answers"] == len(requests) > 20 and not report["failed"]


def test_answers_from_a_file_leave_the_question_the_same_second_opinion_included():
    class Judge:
        key = "judge"

    model = ModelSettings(base_url="http://127.0.0.1:9/v1", model="text")
    panel = Panel([open_model_reader("small", model)], RoutingSettings(), lambda alias: Judge())
    asked = Question(prompt=replace(PROMPT, verify="judge"), panel=panel)

    assert batching.answered(asked, Answers()).key == asked.key
