"""The one place that knows how Reread is configured.

Order: command-line flags, then `REREAD_*` environment variables, then `reread.toml` in the working folder, then these defaults.
Keys of model servers are never settings: a model names the environment variable that holds its key.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from errors import NotFound, SettingsInvalid
from portfolio import SHIPPED, laid_over

CONFIG_FILE = "reread.toml"


class ModelSettings(BaseModel):
    """One model of the portfolio: a name on one or several OpenAI-compatible endpoints that serve the same weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lane: Literal["text", "vision"] = "text"  #: what it reads: text alone, or pictures with their text
    base_url: str | tuple[str, ...]  #: such as http://127.0.0.1:8000/v1; several are used side by side, and for one another
    model: str  #: the name the server knows it by
    revision: str = ""  #: part of the identity: change it when the weights behind the name change
    api_key_env: str | None = None  #: the environment variable that holds the key; None = no key
    context_tokens: int = Field(8192, ge=256)
    concurrency: int = Field(128, ge=1, le=1024)  #: requests in flight at one server, at most: how many it takes is found out
    timeout_s: float = Field(120.0, gt=0)  #: for one answer
    attempts: int = Field(4, ge=1, le=20)  #: tries of one request while the server is busy or away

    max_images: int = Field(4, ge=1, le=64)  #: of one request; for the vision lane
    max_pixels: int = Field(1_048_576, ge=3136)  #: of one image; a larger one is scaled down before it is sent
    pixels_per_token: int = Field(784, ge=1)  #: of an image, to foresee its cost; 28 x 28 for the Qwen-VL family

    j_per_prompt_token: float | None = Field(
        None, ge=0
    )  #: joules of one token read, of the prompt or of an image; not of cached ones
    j_per_token: float | None = Field(None, ge=0)  #: joules of one token written
    energy_from: str = ""  #: where these two are from: a measurement of `reread models calibrate`, or a source
    parameters_b: float | None = Field(
        None, gt=0
    )  #: billions that each token passes through, to compare models by before joules are
    gpus: tuple[int, ...] = ()  #: NVML indices of the GPUs it runs on, where they are in this machine: then joules are counted
    usd_per_million_prompt_tokens: float | None = Field(None, ge=0)
    usd_per_million_tokens: float | None = Field(None, ge=0)  #: of tokens written
    price_from: str = ""  #: where the prices are from, with the date

    @property
    def base_urls(self) -> tuple[str, ...]:
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url

    def api_key(self) -> SecretStr:
        """The key from the environment; raises SettingsInvalid where it is named and missing."""
        if self.api_key_env is None:
            return SecretStr("none")
        key = os.environ.get(self.api_key_env)
        if not key:
            raise SettingsInvalid(
                f"Model {self.model!r} needs a key in the environment variable {self.api_key_env}, which is not set. "
                f"Nothing was read. Set it, or remove api_key_env from {CONFIG_FILE}."
            )
        return SecretStr(key)


def aliases_of(named: str) -> tuple[str, ...]:
    """The models of a run by what it calls them: 'qwen-4b+qwen-vl-8b' is one for each of two lanes."""
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in named.split("+")))))


class RoutingSettings(BaseModel):
    """Where the router draws its lines. A change changes what is read, so it is part of every reading's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: A cascade asks the next lane where the reader is less sure than this; `reread route --audit` fits it.
    unsure_below: Annotated[float, Field(ge=0, le=1)] = 0.6
    #: How sure the word model must be that a field asks for what only eyes can see.
    sure_of_sight: Annotated[float, Field(ge=0, le=1)] = 0.5
    #: Running text of fewer words is a stray label or a page number: it states nothing.
    least_words: Annotated[int, Field(ge=0)] = 5
    most_citing: Annotated[int, Field(ge=0)] = 3  #: chunks that mention a figure and go with it, the nearest ones
    least_side_pt: Annotated[float, Field(ge=0)] = 24.0  #: points; a picture without a caption that is thinner is ornament
    ornament_area_pt2: Annotated[float, Field(ge=0)] = 24_000.0  #: and on the first page one smaller than this: 5 % of a page
    #: Points. A formula that is higher has fractions, cases or limits, which text tells badly.
    formula_line_pt: Annotated[float, Field(ge=0)] = 24.0
    illegible_below: Annotated[float, Field(ge=0, le=1)] = 0.5  #: confidence of OCR under which the page itself is better read


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="REREAD_", env_nested_delimiter="__", extra="forbid", toml_file=CONFIG_FILE)

    library: Path = Path("library")

    converter: Literal["rules", "neural", "auto"] = "rules"
    artifacts: Path | None = None  #: folder with Docling's model weights, for neural and auto; None = ~/.cache/docling/models
    ocr: Literal["auto", "off", "force"] = "auto"  #: pages without usable text are read with OCR; or none is; or every page
    ocr_languages: tuple[str, ...] = ()  #: as Docling names them ('en', 'iso:de', 'arabic'); none = the shipped model's fifty
    ocr_figures: bool = False  #: also the text inside figures that have none of their own; about 3 s of one core for each
    converters: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 8), ge=1, le=64)  #: converter children
    #: Wall clock for one document, with all that is tried again inside; the slowest real paper seen took 25 s.
    convert_timeout_s: float = Field(300.0, gt=0)
    ocr_page_s: float = Field(
        20.0, gt=0
    )  #: what each page that is read with OCR adds to it; a dense page takes 8 s of one core
    convert_cpu_s: float | None = Field(None, gt=0)  #: CPU seconds for one document; None = the wall clock on all cores
    convert_memory_mb: int = Field(4096, ge=512)  #: data of one child; normal papers take 0.5 GB, the largest seen 1.3
    convert_attempts: int = Field(3, ge=1, le=10)  #: tries of a document whose child dies or runs out of time
    documents_per_child: int = Field(100, ge=1)  #: a child is replaced after so many: parsers leak
    child_growth_mb: int = Field(1024, ge=64)  #: a child that holds so much more than at its start is replaced
    max_file_mb: int = Field(200, ge=1)
    max_pages: int = Field(1000, ge=1)
    max_page_points: float = Field(14_400, gt=0)  #: longest side of a page; 14,400 (200 inches) is what PDF allows
    max_crop_pixels: int = Field(2_400, ge=64)  #: longest side of a figure's picture

    embedding_model: str = "all-MiniLM-L6-v2"  #: the shipped one by this name, else a folder or a hub name
    #: 'auto' is bfloat16 where this CPU is faster in it, else float32; their vectors agree to a cosine of 0.9998.
    embedding_dtype: Literal["auto", "float32", "bfloat16"] = "auto"

    #: PostgreSQL as postgresql://USER:PASSWORD@HOST/NAME where many machines share the work; None = SQLite in the library.
    ledger: SecretStr | None = None
    broker: SecretStr | None = None  #: Redis as redis://:PASSWORD@HOST:6379/0; None = `reread serve` starts one of its own
    readers: int = Field(1, ge=1, le=64)  #: processes of one worker that read for runs
    prompts: Path = Path("prompts")  #: folder of the prompts that a run may name
    max_queued: int = Field(10_000, ge=1)  #: submitted papers that are not final; beyond it the service answers 429
    max_upload_mb: int = Field(1000, ge=1)  #: of one request; one file is bounded by max_file_mb
    url_hosts: tuple[str, ...] = ()  #: hosts that papers may be fetched from, such as '*.arxiv.org'; none = URLs are off
    webhook_hosts: tuple[str, ...] = ()  #: hosts that webhooks may be sent to; none = webhooks are off
    keep_days: float = Field(7.0, gt=0)  #: events, deliveries and uploads of failed jobs are kept for so long

    #: Used where neither the command nor the prompt names one: an alias, or one for each lane as 'qwen-4b+qwen-vl-8b'.
    model: str = "embedded"
    models: dict[str, ModelSettings] = Field(default_factory=dict)  #: those of portfolio.py are known besides
    routing: RoutingSettings = RoutingSettings()

    #: Watts that this machine draws more for each busy core, for what conversion and the embedded lane cost; None = not known.
    cpu_watts: float | None = Field(None, gt=0)

    @field_validator("models", mode="before")
    @classmethod
    def _over_shipped(cls, sections: Any) -> Any:
        return (
            {alias: laid_over(alias, section) for alias, section in sections.items()}
            if isinstance(sections, dict)
            else sections
        )

    @property
    def portfolio(self) -> dict[str, ModelSettings]:
        """Every model that has an alias: those of reread.toml, then those that are shipped."""
        shipped = {alias: ModelSettings(**keys) for alias, keys in SHIPPED.items() if alias not in self.models}
        return {**self.models, **shipped}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def model_named(self, alias: str) -> ModelSettings:
        """The portfolio's model of this alias; raises NotFound with the aliases there are."""
        found = self.portfolio
        if alias not in found:
            known = ", ".join(["embedded", *sorted(found)])
            raise NotFound(f"No model is called {alias!r}; known are {known}. Add [models.{alias}] to {CONFIG_FILE}.")
        return found[alias]


def load_settings(**overrides: Any) -> Settings:
    """The settings in force; overrides that are None count as not given. Raises SettingsInvalid, naming the key and the reason."""
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsInvalid(
            "\n".join([f"These settings (flags, REREAD_* or {CONFIG_FILE}) are not valid:", *lines])
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{CONFIG_FILE} is not valid TOML: {error}") from error
