"""The models that are known before anybody writes a reread.toml, and what a section of the same alias does to them."""

import re
from urllib.parse import urlsplit

import pytest
from processes import ROOT

from errors import NotFound, SettingsInvalid
from portfolio import SHIPPED
from settings import ModelSettings, load_settings

#: The `vllm serve` line of each model in the docs, joined to one line.
LINES = {
    line.split()[2]: line
    for line in re.findall(
        r"^vllm serve .*?$",
        (ROOT / "docs/models.md").read_text(encoding="utf-8").replace("\\\n", " "),
        re.MULTILINE,
    )
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The settings where this is the reread.toml."""

    def load(toml):
        (tmp_path / "reread.toml").write_text(toml)
        monkeypatch.chdir(tmp_path)
        return load_settings()

    return load


def test_the_shipped_models_are_known_without_a_file(written):
    settings = written("")

    assert settings.models == {} and set(settings.portfolio) == set(SHIPPED)
    assert {model.lane for model in settings.portfolio.values()} == {"text", "vision"}
    assert settings.model_named("qwen-4b").base_urls == ("http://127.0.0.1:8001/v1",)


def test_a_section_of_the_same_alias_may_give_one_key_and_wins_with_it(written):
    model = written('[models.qwen-8b]\nbase_url = ["http://one:8000/v1", "http://two:8000/v1"]\n').model_named("qwen-8b")

    assert model.base_urls == ("http://one:8000/v1", "http://two:8000/v1")
    assert model.model == "Qwen/Qwen3-8B" and model.revision and model.j_per_token == 0.0966


def test_joules_that_were_measured_here_replace_all_that_is_shipped_of_them(written):
    model = written("[models.qwen-8b]\nj_per_prompt_token = 0.02\n").model_named("qwen-8b")

    assert (model.j_per_prompt_token, model.j_per_token, model.energy_from) == (0.02, None, "")


@pytest.mark.parametrize("key", ["model", "revision"])
def test_nothing_shipped_is_said_of_another_model_under_the_same_alias(written, key):
    toml = f'[models.qwen-8b]\nbase_url = "http://one:8000/v1"\nmodel = "Qwen/Qwen3-8B"\n{key} = "another"\n'
    toml = toml.replace('model = "Qwen/Qwen3-8B"\nmodel', "model")
    model = written(toml).model_named("qwen-8b")

    assert (model.j_per_token, model.energy_from, model.parameters_b, model.concurrency) == (None, "", None, 128)


def test_a_section_of_an_alias_of_its_own_must_say_all(written):
    with pytest.raises(SettingsInvalid, match=r"models.mine.model"):
        written('[models.mine]\nbase_url = "http://one:8000/v1"\n')


def test_an_alias_that_nothing_has_is_named_with_those_there_are(written):
    with pytest.raises(NotFound, match="embedded, qwen-4b, qwen-8b"):
        written("").model_named("qwen")


@pytest.mark.parametrize("alias", SHIPPED)
def test_what_is_known_of_joules_and_prices_says_from_where(alias):
    model = ModelSettings(**SHIPPED[alias])

    assert bool(model.energy_from) == (model.j_per_token is not None or model.j_per_prompt_token is not None)
    assert bool(model.price_from) == (model.usd_per_million_tokens is not None)


@pytest.mark.parametrize("alias", SHIPPED)
def test_the_docs_serve_each_model_as_its_alias_expects(alias):
    model = ModelSettings(**SHIPPED[alias])
    flags = dict(re.findall(r"--([a-z-]+)(?: (?!--)('[^']*'|\S+))?", LINES[model.model]))

    assert (flags["revision"], flags["host"]) == (model.revision, "127.0.0.1")
    assert int(flags["port"]) == urlsplit(model.base_urls[0]).port
    assert int(flags["max-model-len"]) == model.context_tokens
    assert int(flags["max-num-queued-reqs"]) >= model.concurrency
    assert '"disable_any_whitespace":true' in flags["structured-outputs-config"]
    assert {"enable-prefix-caching", "enable-prompt-tokens-details"} <= flags.keys()
    if model.lane == "vision":
        assert f'"image":{model.max_images}' in flags["limit-mm-per-prompt"]
        assert flags["allowed-media-domains"] == "none.invalid"
