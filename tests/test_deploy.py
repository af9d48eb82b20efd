"""The deployment, as far as it can be proved without Docker: the files agree with the Compose specification, with each other, with
our settings and with our metrics; Redis runs for real with its shipped configuration; the image's steps run in a clean folder.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from needs import need
from processes import ROOT

from settings import Settings, load_settings

DEPLOY = ROOT / "deploy"
COMPOSE = ROOT / "docker-compose.yml"
SHARE = DEPLOY / "share.yml"
ENV_EXAMPLE = DEPLOY / ".env.example"

#: What /metrics has, with its labels; `buckets` of a histogram have `le` as well.
METRICS: dict[str, set[str]] = {
    "reread_jobs_total": {"kind", "state", "error_code"},
    "reread_job_age_seconds": {"state"},
    "reread_queue_depth": {"queue"},
    "reread_workers": {"queue"},
    "reread_pages_total": set(),
    "reread_llm_requests_total": {"route", "finish_reason", "status"},
    "reread_llm_tokens_total": {"route", "kind"},
    "reread_route_chunks_total": {"route"},
    "reread_rows_written_total": {"table"},
    "reread_lance_unindexed_rows": {"table"},
    "reread_lance_bytes": set(),
    "reread_disk_free_bytes": set(),
    "reread_child_rss_bytes": set(),
    "reread_child_kills_total": {"reason"},
    "reread_reprocess_rows_total": {"prompt"},
    "reread_energy_joules_total": set(),
    "reread_http_requests_total": {"route", "method", "status"},
    "reread_broker_up": set(),
    "reread_ledger_up": set(),
} | {
    f"{histogram}_{part}": labels | ({"le"} if part == "bucket" else set())
    for histogram, labels in {"reread_conversion_seconds": set[str](), "reread_http_request_seconds": {"route"}}.items()
    for part in ("bucket", "sum", "count")
}
#: vLLM's own, as seen on a running server; `lane` comes from prometheus.yml.
VLLM_METRICS = {"vllm:num_requests_running": {"lane"}, "vllm:num_requests_waiting": {"lane"}}


# What Compose makes of the files


def read_env(path: Path, *, commented: bool = False) -> dict[str, str]:
    """NAME=value lines; with `commented`, also those that are commented out."""
    line = re.compile(rf"^{'#?' if commented else ''}([A-Z_]+)=(.*)$", re.M)
    return dict(line.findall(path.read_text()))


def interpolate(text: str, env: dict[str, str]) -> str:
    """The text as Compose fills it in; raises KeyError with the message of a variable that is required and missing or empty."""

    def value(match: re.Match[str]) -> str:
        name, rule, rest = match[1], match[2], match[3]
        if env.get(name) or rule is None:
            return env.get(name, "")
        if rule == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest

    return re.sub(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}", value, text).replace("$$", "$")


PASSWORDS = {"REDIS_PASSWORD": "aa11", "POSTGRES_PASSWORD": "bb22", "GRAFANA_PASSWORD": "cc33"}


def load(path: Path = COMPOSE, **env: str) -> dict[str, Any]:
    return yaml.safe_load(interpolate(path.read_text(), PASSWORDS | {"SHARE_ADDRESS": "10.0.0.1"} | env))


def services(**env: str) -> dict[str, dict[str, Any]]:
    return load(**env)["services"]


each_service = pytest.mark.parametrize("name", sorted(services()))
ours = ["api", "worker-convert", "worker-extract", "worker-write"]
workers = ours[1:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def size(text: str) -> int:
    """Bytes of Docker's 768M, 8gb."""
    number, unit = re.fullmatch(r"(\d+)([kmg])b?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"k": 10, "m": 20, "g": 30}[unit]


@pytest.mark.parametrize("path", [COMPOSE, SHARE], ids=lambda path: path.name)
def test_the_compose_files_fit_the_compose_specification(path: Path):
    package = importlib.util.find_spec("check_jsonschema")
    need(package, "the Compose specification's schema comes with the package check-jsonschema, which is not installed")
    assert package and package.origin
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"

    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(load(path))


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_compose_refuses_to_start_without_a_password(missing: str):
    with pytest.raises(KeyError, match=f"{missing}: .*\\.env"):
        load(**{missing: ""})


@pytest.mark.parametrize("path", [COMPOSE, SHARE], ids=lambda path: path.name)
def test_every_variable_stands_in_the_example_with_the_value_in_force(path: Path):
    example = read_env(ENV_EXAMPLE, commented=True)
    used = re.findall(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}", path.read_text())

    assert {name for name, _, _ in used} <= set(example)
    assert {(name, default) for name, rule, default in used if rule == ":-"} <= set(example.items())


def test_the_example_names_nothing_that_is_not_read():
    text = COMPOSE.read_text() + SHARE.read_text()

    assert [name for name in read_env(ENV_EXAMPLE, commented=True) if "${" + name not in text] == []


def test_make_env_fills_in_every_password_and_never_overwrites(tmp_path: Path):
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    for name in ("make-env.sh", ".env.example"):
        shutil.copy(DEPLOY / name, deploy)
    first = subprocess.run(["sh", "deploy/make-env.sh"], cwd=tmp_path, capture_output=True, text=True)
    written = (tmp_path / ".env").read_text()
    second = subprocess.run(["sh", "deploy/make-env.sh"], cwd=tmp_path, capture_output=True, text=True)
    made = read_env(tmp_path / ".env")

    assert first.returncode == 0
    assert set(made) == set(PASSWORDS)
    assert all(re.fullmatch(r"[0-9a-f]{64}", password) for password in made.values())
    assert len(set(made.values())) == 3
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert second.returncode == 1 and (tmp_path / ".env").read_text() == written
    assert not any(password in first.stdout + first.stderr for password in made.values())


# What every service promises


@each_service
def test_every_service_is_watched_limited_and_locked_down(name: str):
    service = services()[name]
    limits = service["deploy"]["resources"]["limits"]

    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} < set(service["healthcheck"])
    assert set(limits) == {"cpus", "memory", "pids"}
    assert service["read_only"] and service["init"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped" and service["stop_grace_period"] == "30s"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert not service.get("privileged") and "cap_add" not in service and "network_mode" not in service


@each_service
def test_no_service_is_root_without_a_reason(name: str):
    service = services()[name]
    user = str(service.get("user", "root")).split(":")[0]

    assert user not in ("root", "0") or len(service["x-root-because"]) > 40
    assert user == "10001" or name not in ours


@each_service
def test_images_are_pinned_by_version(name: str):
    image = services()[name]["image"]

    assert re.search(r":v?\d+\.\d+", image) or image == "reread:local"


def test_only_the_api_and_the_dashboard_are_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}

    assert published == {"api": ["127.0.0.1:8321:8321"], "grafana": ["127.0.0.1:3000:3000"]}


def test_what_opens_papers_and_what_holds_data_has_no_way_out():
    compose = load()
    open_networks = {name for name, network in compose["networks"].items() if str((network or {}).get("internal")) != "True"}

    assert open_networks == {"frontend"}
    for name, service in compose["services"].items():
        assert bool(open_networks & set(service["networks"])) == ("ports" in service), name
    assert not set(services()["redis"]["networks"]) & set(services()["vllm-text"]["networks"])
    assert not set(services()["grafana"]["networks"]) & {"backend", "models"}


def test_sharing_broker_and_ledger_takes_a_private_address_that_someone_names():
    with pytest.raises(KeyError, match="SHARE_ADDRESS"):
        load(SHARE, SHARE_ADDRESS="")
    shared = load(SHARE)

    assert set(shared["services"]) == {"redis", "postgres"}
    for service in shared["services"].values():
        address, outside, inside = service["ports"][0].split(":")
        assert ipaddress.ip_address(address).is_private and outside == inside


def test_there_is_one_writer():
    service = services()["worker-write"]

    assert service["deploy"]["replicas"] == 1
    assert service["command"] == ["reread", "worker", "--queues", "write,maintain", "--concurrency", "1"]
    assert service["container_name"] == "reread-writer"  # with it, Compose refuses --scale
    assert not [name for name in workers if name != "worker-write" and "write" in " ".join(services()[name]["command"])]


def test_every_queue_has_its_worker():
    queues = [queue for name in workers for queue in services()[name]["command"][3].split(",")]

    assert sorted(queues) == ["convert", "extract", "maintain", "write"]


def test_models_and_dashboard_start_only_when_asked_for():
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}

    assert profiles == {"vllm-text": ["gpu"], "vllm-vision": ["gpu"], "prometheus": ["ops"], "grafana": ["ops"]}


@each_service
def test_a_service_waits_only_for_healthy_ones_that_start_with_it(name: str):
    everything = services()
    for other, rule in everything[name].get("depends_on", {}).items():
        assert rule == {"condition": "service_healthy"}
        assert set(everything[other].get("profiles", [])) <= set(everything[name].get("profiles", []))


@each_service
def test_what_a_service_mounts_is_there(name: str):
    compose = load()
    service = compose["services"][name]
    for mount in service.get("volumes", []):
        source = mount["source"] if isinstance(mount, dict) else mount.split(":")[0]
        if source.startswith("./") and source != "./weights":  # the operator's own
            assert (ROOT / source).exists(), source
        elif not source.startswith("."):
            assert source in compose["volumes"]
    assert set(service.get("secrets", [])) <= set(compose["secrets"])
    assert set(service["networks"]) <= set(compose["networks"])


def test_the_library_is_shared_and_scratch_is_not_on_disk():
    for name in ours:
        service = services()[name]
        assert "library:/library" in service["volumes"]
        assert service["environment"]["REREAD_LIBRARY"] == "/library"
        assert service["tmpfs"][0].startswith("/tmp:size=")


def test_a_worker_is_given_the_time_to_finish():
    for name in workers:
        service = services()[name]
        assert service["stop_signal"] == "SIGTERM"
        assert service["environment"]["REMAP_SIGTERM"] == "SIGQUIT"
        assert service["healthcheck"]["test"] == ["CMD", "reread", "worker", "--is-alive"]


def test_the_children_of_a_convert_worker_fit_its_memory():
    service = services()["worker-convert"]
    environment = service["environment"]
    children = int(environment["REREAD_CONVERTERS"]) * (int(environment["REREAD_CONVERT_MEMORY_MB"]) << 20)
    scratch = size(re.search(r"size=(\w+)", service["tmpfs"][0])[1])  # type: ignore[index]

    assert children + scratch + (1 << 30) <= size(service["deploy"]["resources"]["limits"]["memory"])


# What we read from it


@pytest.mark.parametrize("name", ours)
def test_every_variable_of_ours_is_a_setting(name: str):
    for variable in services()[name]["environment"]:
        if variable.startswith("REREAD_"):
            field = variable.removeprefix("REREAD_").lower().split("__")[0]
            assert field in Settings.model_fields, variable


@pytest.mark.parametrize("name", ours)
def test_the_settings_load_as_the_container_has_them(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for variable in [variable for variable in os.environ if variable.startswith("REREAD_")]:
        monkeypatch.delenv(variable)
    for variable, value in services(TEXT_REVISION="v1")[name]["environment"].items():
        monkeypatch.setenv(variable, str(value))
    shutil.copy(DEPLOY / "reread.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()

    assert settings.library == Path("/library")
    assert settings.models["text"].model == "Qwen/Qwen3-4B-Instruct-2507"
    assert settings.models["text"].revision == "v1"
    assert settings.models["text"].base_url == "http://vllm-text:8000/v1"
    assert settings.models["vision"].base_url == "http://vllm-vision:8000/v1"
    assert settings.models["vision"].api_key().get_secret_value() == "none"


def test_the_addresses_of_broker_and_ledger_carry_their_passwords():
    environment = services()["worker-extract"]["environment"]
    ledger, broker = urlsplit(environment["REREAD_LEDGER"]), urlsplit(environment["REREAD_BROKER"])

    assert (ledger.scheme, ledger.username, ledger.password, ledger.hostname) == ("postgresql", "reread", "bb22", "postgres")
    assert (broker.scheme, broker.password, broker.hostname, broker.path) == ("redis", "aa11", "redis", "/0")
    joined = services(REDIS_HOST="10.0.0.1", BACKEND_INTERNAL="false")["worker-extract"]["environment"]
    assert urlsplit(joined["REREAD_BROKER"]).hostname == "10.0.0.1"


# The model servers


def vllm_flags(name: str) -> dict[str, str]:
    words = services()[name]["entrypoint"][3:] + services()[name]["command"]
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize("lane", ["text", "vision"])
def test_a_model_server_is_bounded_closed_and_on_its_gpu(lane: str):
    service, flags = services()[f"vllm-{lane}"], vllm_flags(f"vllm-{lane}")
    devices = service["deploy"]["resources"]["reservations"]["devices"]

    assert json.loads(flags["--structured-outputs-config"])["disable_any_whitespace"] is True
    assert flags["--allowed-media-domains"] == "none.invalid"
    assert json.loads(flags["--limit-mm-per-prompt"])["image"] == {"text": 0, "vision": 4}[lane]
    assert devices[0]["capabilities"] == ["gpu"]
    assert "ports" not in service
    assert service["environment"]["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"


@pytest.mark.parametrize("lane", ["text", "vision"])
def test_the_portfolio_agrees_with_its_server(lane: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(DEPLOY)
    monkeypatch.setenv("REREAD_MODELS__TEXT__MODEL", "t")
    monkeypatch.setenv("REREAD_MODELS__VISION__MODEL", "v")
    model, flags = load_settings().models[lane], vllm_flags(f"vllm-{lane}")

    assert urlsplit(model.base_url).hostname == f"vllm-{lane}"
    assert model.context_tokens == int(flags["--max-model-len"])
    assert model.concurrency * 4 <= int(flags["--max-num-queued-reqs"])  # four extract workers before .toml must change
    assert services()["api"]["environment"][f"REREAD_MODELS__{lane.upper()}__MODEL"] == flags["--served-model-name"]


@contextmanager
def fake_vllm(status: int, body: bytes) -> Iterator[str]:
    """A server that lists a model and answers completions with this."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, b'{"data": [{"id": "small"}]}')

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert asked == {"model": "small", "prompt": "a", "max_tokens": 1}
            self._send(status, body)

        def _send(self, code: int, content: bytes) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "is_healthy"),
    [(200, b'{"choices": [{"text": "b"}]}', True), (503, b"", True), (500, b"", False), (200, b'{"choices": []}', False)],
    ids=["one token", "its queue is full", "its engine is dead", "it writes nothing"],
)
def test_a_model_server_is_healthy_while_it_writes(status: int, body: bytes, is_healthy: bool):
    with fake_vllm(status, body) as address:
        probe = subprocess.run([sys.executable, DEPLOY / "probe_vllm.py", address], capture_output=True)

    assert (probe.returncode == 0) == is_healthy


def test_a_model_server_that_is_not_there_is_not_healthy():
    probe = subprocess.run([sys.executable, DEPLOY / "probe_vllm.py", f"http://127.0.0.1:{free_port()}"], capture_output=True)

    assert probe.returncode != 0


# Redis, for real

PASSWORD = "0123456789abcdef"


@contextmanager
def broker(folder: Path, port: int, *more: str) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """A redis-server started as the container starts it, on loopback; and a client with the password."""
    need(shutil.which("redis-server"), "redis-server is not installed (apt-get install redis-server)")
    redis = pytest.importorskip("redis")
    command = ["sh", DEPLOY / "redis.sh", "--bind", "127.0.0.1", "--port", port, *more]
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "REDIS_PASSWORD": PASSWORD, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port, password=PASSWORD)
    try:
        until(lambda: answers(client))
        yield client, process
    finally:
        process.kill()
        process.wait()


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except Exception as error:
        if type(error).__name__ in ("ConnectionError", "BusyLoadingError"):
            return False
        raise


def until(holds: Callable[[], bool], patience_s: float = 20) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"not within {patience_s:.0f} s"
        time.sleep(0.05)


def test_the_broker_keeps_what_it_took_and_throws_nothing_away(tmp_path: Path):
    with broker(tmp_path, free_port()) as (client, _):
        assert client.config_get("appendonly", "appendfsync", "maxmemory-policy") == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        limit = size(services()["redis"]["deploy"]["resources"]["limits"]["memory"])
        assert 0 < 2 * int(client.config_get("maxmemory")["maxmemory"]) < limit


def test_the_broker_lets_nobody_in_without_the_password(tmp_path: Path):
    import redis

    port = free_port()
    with broker(tmp_path, port):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port, password="wrong").ping()


def test_no_process_list_shows_the_password(tmp_path: Path):
    with broker(tmp_path, free_port()) as (_, process):
        assert PASSWORD not in Path(f"/proc/{process.pid}/cmdline").read_text()
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("tmp.*"))


@pytest.mark.parametrize(
    "command", ["FLUSHALL", "FLUSHDB", "SHUTDOWN NOSAVE", "CONFIG SET appendonly no", "ACL LIST", "REPLICAOF host 1"]
)
def test_the_broker_refuses_to_forget(command: str, tmp_path: Path):
    import redis

    with broker(tmp_path, free_port()) as (client, _), pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


def test_messages_outlive_a_killed_broker(tmp_path: Path):
    port = free_port()
    with broker(tmp_path, port) as (client, process):
        client.lpush("convert", *[f"job {number}" for number in range(100)])
        time.sleep(1.5)  # everysec
        process.send_signal(signal.SIGKILL)
        process.wait()
    with broker(tmp_path, port) as (client, _):
        assert client.llen("convert") == 100


def test_a_full_broker_refuses_and_keeps_the_oldest(tmp_path: Path):
    import redis

    with broker(tmp_path, free_port(), "--maxmemory", "4mb") as (client, _):
        client.lpush("convert", "the oldest")
        with pytest.raises(redis.OutOfMemoryError):
            for _ in range(100):
                client.lpush("extract", "x" * 100_000)
        assert client.lrange("convert", 0, -1) == [b"the oldest"]


def test_celery_works_with_what_the_broker_allows(tmp_path: Path):
    kombu = pytest.importorskip("kombu")
    port = free_port()
    with broker(tmp_path, port), kombu.Connection(f"redis://:{PASSWORD}@127.0.0.1:{port}/0") as connection:
        queue = connection.SimpleQueue("convert")
        queue.put({"job": "0f" * 16}, serializer="json")
        message = queue.get(timeout=10)
        message.ack()

        assert message.payload == {"job": "0f" * 16}


def test_a_broker_without_a_password_does_not_start(tmp_path: Path):
    for password in ("", "with space", "x >y"):
        started = subprocess.run(
            ["sh", DEPLOY / "redis.sh"], env={**os.environ, "REDIS_PASSWORD": password}, capture_output=True, timeout=10
        )
        assert started.returncode != 0 and b"password" in started.stderr.lower()


# Prometheus and Grafana


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return json.loads((DEPLOY / "grafana" / "dashboards" / "reread.json").read_text())


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


#: Every query there is, under the name of its panel or alarm.
QUERIES = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]] + [
    (rule["alert"], rule["expr"]) for rule in rules()
]
each_query = pytest.mark.parametrize(("where", "query"), QUERIES, ids=[f"{where}-{i}" for i, (where, _) in enumerate(QUERIES)])


@each_query
def test_every_query_is_over_metrics_that_there_are_and_their_labels(where: str, query: str):
    known = METRICS | VLLM_METRICS | {"up": {"job"}}
    bare = re.sub(r'"[^"]*"', '""', query)
    names = set(re.findall(r"\breread_\w+|\bvllm:\w+|\bup\b", bare))
    asked = {label for names in re.findall(r"\b(?:by|on) \(([^)]*)\)", bare) for label in re.split(r",\s*", names) if label}
    asked |= {label for selector in re.findall(r"\{([^}]*)\}", bare) for label in re.findall(r"(\w+)\s*[=!]", selector)}

    assert names and names <= set(known)
    assert asked <= set().union(*(known[name] for name in names))


@each_query
def test_every_query_is_promql(where: str, query: str):
    need(importlib.util.find_spec("promql_parser"), "the package promql-parser is not installed")
    import promql_parser

    promql_parser.parse(query.replace("$__rate_interval", "5m"))


def test_every_metric_is_shown():
    shown = " ".join(query for _, query in QUERIES)

    assert [name for name in METRICS if re.sub("_(bucket|sum|count)$", "_", name) not in shown] == []


def test_every_panel_asks_our_metrics_and_names_its_data_source():
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    for panel in panels():
        assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}
        assert any("reread_" in target["expr"] for target in panel["targets"]), panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert urlsplit(source["url"]).hostname in services()


def test_no_two_panels_share_an_id_or_a_place():
    everything = dashboard()["panels"]
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in everything)
    ]

    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len(set().union(*places)) == sum(map(len, places))
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in everything)


def test_the_dashboard_has_a_row_for_each_part():
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]

    assert rows == ["Queue", "Conversion", "Reading", "Store", "API"]


def test_the_dashboard_lies_where_grafana_looks():
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/reread.yml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[:2] for mount in services()["grafana"]["volumes"])
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert provider["options"]["path"] == mounts["./deploy/grafana/dashboards"]
    assert home == f"{provider['options']['path']}/reread.json"


def test_prometheus_scrapes_what_there_is_with_the_key_it_is_given():
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    service = services()["prometheus"]

    assert jobs["reread"]["static_configs"] == [{"targets": ["api:8321"]}]
    assert jobs["reread"]["authorization"]["credentials_file"] == f"/run/secrets/{service['secrets'][0]}"
    assert set(jobs["vllm"]["dns_sd_configs"][0]["names"]) == {"vllm-text", "vllm-vision"}
    assert {f"./deploy/{name}" for name in config["rule_files"]} <= {mount.split(":")[0] for mount in service["volumes"]}
    for name in ["api", "vllm-text", "vllm-vision"]:
        assert set(services()[name]["networks"]) & set(service["networks"]), name


def test_the_alarms_say_what_is_wrong_and_what_to_do():
    assert {"ApiDown", "BrokerDown", "NoWorker", "QueueStands", "QueueOld", "JobsFail", "DiskFills", "RowsNotIndexed"} <= {
        rule["alert"] for rule in rules()
    }
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} == set(rule["annotations"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (apt-get install prometheus)")
def test_the_alarms_sound_when_they_should_and_only_then():
    checked = subprocess.run(["promtool", "test", "rules", DEPLOY / "alerts_test.yml"], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr


# The image


def dockerfile() -> list[tuple[str, str]]:
    """The instructions, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def test_the_image_is_built_by_the_script_that_is_tested_and_runs_as_nobody():
    steps = dockerfile()
    build, final = [list(part) for part in split(steps, "FROM")]

    assert all(step.startswith("sh ") and "install.sh" in step for word, step in build if word == "RUN")
    assert not any(tool in step for word, step in final if word == "RUN" for tool in ("pip", "apt", "install.sh", "curl"))
    assert ("USER", "10001:10001") in final and ("STOPSIGNAL", "SIGTERM") in final
    assert all(step.startswith("${PYTHON_IMAGE}") for word, step in steps if word == "FROM")
    assert "python:3.11-slim" in dict(steps)["ARG"] or steps[0][1].startswith("PYTHON_IMAGE=python:3.11-slim")


def split(steps: list[tuple[str, str]], word: str) -> Iterator[list[tuple[str, str]]]:
    starts = [place for place, (first, _) in enumerate(steps) if first == word] + [len(steps)]
    return (steps[a:b] for a, b in pairwise(starts))


def test_no_secret_and_no_paper_enters_the_image():
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())

    assert {".env*", "deploy/secrets", "library", "weights", ".git", ".venv"} <= ignored


def test_the_files_name_no_place_of_this_machine():
    for path in [COMPOSE, *(p for p in DEPLOY.rglob("*") if p.is_file()), ROOT / "docs" / "deploy.md", ROOT / ".dockerignore"]:
        assert not re.search(r"/(work|root|opt/wheels)/|/home/(?!$)|find-links", path.read_text()), path


def copy_build_context(target: Path) -> None:
    """What `docker build` would send, near enough: what git knows or would take, less what .dockerignore leaves out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    left_out = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not any(name == rule or name.startswith(f"{rule}/") for rule in left_out):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


@pytest.mark.skipif(os.environ.get("REREAD_TEST_IMAGE") != "1", reason="installs 2 GB; set REREAD_TEST_IMAGE=1")
def test_the_steps_of_the_image_install_all_that_the_services_start(tmp_path: Path):
    source, venv = tmp_path / "src", tmp_path / "venv"
    copy_build_context(source)
    quiet = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for step in ("dependencies", "reread"):
        subprocess.run(["sh", "deploy/install.sh", step, venv], cwd=source, env=quiet, check=True)
    rooms = [path.parent for path in source.glob("*/__init__.py")]
    inside = [path for room in rooms for path in room.rglob("*") if path.is_file()]
    wanted = [path.relative_to(source) for path in [*source.glob("*.py"), *inside]]
    shutil.rmtree(source)  # the final layer has the virtual environment alone
    packages = next((venv / "lib").glob("python3.*/site-packages"))

    for name in ours:
        program = services()[name]["command"][0]
        assert os.access(venv / "bin" / program, os.X_OK), program
    assert shutil.which("redis-server"), "the broker's program"
    assert not list((venv / "bin").glob("pip*"))
    helped = subprocess.run([venv / "bin" / "reread", "--help"], cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert helped.returncode == 0 and "reprocess" in helped.stdout
    # What `make` installs editable is whole in a wheel too: modules, packages, and files that are no Python.
    assert [name for name in wanted if not (packages / name).exists()] == []
    added = subprocess.run(
        [venv / "bin" / "reread", "add", ROOT / "samples" / "mouse-kinetics.pdf", "--json"],
        cwd=tmp_path, env={**quiet, "REREAD_LIBRARY": str(tmp_path / "library"), "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr


# The guide


def test_the_guide_names_only_services_files_and_variables_that_there_are():
    guide = (ROOT / "docs" / "deploy.md").read_text()
    commands = re.findall(r"^ {4}(?:[A-Z_]+=\S+ )*(docker compose .*)$", guide, re.M)
    words = {word.split("=")[0] for command in commands for word in command.split()}
    named = {word for word in words if word in services() or word.startswith("worker")}

    assert commands and named <= set(services())
    files = [path for path in re.findall(r"\bdeploy/[\w./-]+\w", guide) if not path.startswith("deploy/secrets/")]
    assert [path for path in files if not (ROOT / path).exists()] == []
    variables = set(re.findall(r"`([A-Z][A-Z_]{4,})(?:=[^`]*)?`", guide))
    assert variables <= set(read_env(ENV_EXAMPLE, commented=True))
