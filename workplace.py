"""What the settings open: library, ledger, embedding model, converter children, readers. Each is opened when first asked for.

Doors make one Workplace and hand its parts to `pipeline`. Opening is where most can be missing, so most of what raises here
tells a user what to install, fetch or set.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

from errors import LibraryError
from ingest.converter import converter_key
from jobs import Ledger
from records import Embed, OcrChoice, Reader
from settings import Settings
from store.embedding import Embedder, max_tokens, model_folder, model_identity, tokenizer_file
from store.library import Library, create_library, is_library, open_library
from storing import Recipe

if TYPE_CHECKING:
    from ingest.sandbox import ConverterChild

#: The alias of the lane that needs no server.
EMBEDDED = "embedded"


class Workplace:
    """One library with everything that works on it."""

    def __init__(self, settings: Settings, *, is_service: bool = False) -> None:
        self.settings = settings
        self.is_service = is_service  #: what is accepted for others must be on the disk before they are told so

    @cached_property
    def library(self) -> Library:
        """The library; raises LibraryError where there is none yet."""
        return open_library(self.settings.library, embedding=model_identity(self.settings.embedding_model))

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger: in the library's folder, or the PostgreSQL that the settings name."""
        if self.settings.ledger:
            return Ledger(self.settings.ledger.get_secret_value())
        return Ledger(self.library.root / "ledger.sqlite", is_durable=self.is_service)

    @cached_property
    def embedder(self) -> Embedder:
        return Embedder(self.settings.embedding_model, dtype=self.settings.embedding_dtype)

    def embed(self) -> Embed:
        """The function that embeds, its model opened now."""
        return self.embedder.embed

    @cached_property
    def recipe(self) -> Recipe:
        converter = converter_key(self.settings.converter, self.ocr, self.settings.artifacts)
        return Recipe(converter=converter, embedding=model_identity(self.settings.embedding_model))

    @property
    def ocr(self) -> OcrChoice:
        return OcrChoice(mode=self.settings.ocr, languages=self.settings.ocr_languages, figures=self.settings.ocr_figures)

    def create_library_if_missing(self) -> None:
        """Make the library where there is none; raises LibraryError for a folder that holds something else."""
        root = self.settings.library
        if is_library(root):
            return
        if root.exists() and (not root.is_dir() or any(root.iterdir())) and not is_library(root):  # made just now by another
            raise LibraryError(
                f"{root} is not a library and not empty. Nothing was changed. Name another folder with --library."
            )
        create_library(root, embedding=self.embedder.identity, dimension=self.embedder.dimension)

    def children(self) -> Sequence[ConverterChild]:
        """Converter children, one for each that the settings allow; none is started yet."""
        from ingest.sandbox import Bounds, ConverterChild, Limits

        chosen = self.settings
        limits = Limits(
            timeout_s=chosen.convert_timeout_s,
            ocr_page_s=chosen.ocr_page_s,
            cpu_s=chosen.convert_cpu_s,
            memory_mb=chosen.convert_memory_mb,
            documents_per_child=chosen.documents_per_child,
            growth_mb=chosen.child_growth_mb,
            max_pages=chosen.max_pages,
            bounds=Bounds(
                max_bytes=chosen.max_file_mb << 20,
                max_page_points=chosen.max_page_points,
                max_crop_pixels=chosen.max_crop_pixels,
            ),
        )
        return [
            ConverterChild(
                converter=chosen.converter,
                limits=limits,
                tokenizer_file=tokenizer_file(chosen.embedding_model),
                max_tokens=max_tokens(chosen.embedding_model),
                artifacts=chosen.artifacts,
                ocr=self.ocr,
            )
            for _ in range(chosen.converters)
        ]

    def reader(self, alias: str) -> Reader:
        """What reads under this alias; raises NotFound for an alias that nothing has."""
        if alias == EMBEDDED:
            from extract.embedded.reader import open_embedded_reader

            # The model opens with the first text that needs it: most prompts are read without.
            return open_embedded_reader(
                lambda texts: self.embedder.embed(texts),
                embedding_key=self.library.embedding,
                encoder=model_folder(self.settings.embedding_model),
            )
        from extract.models.endpoint import open_endpoint_reader
        from extract.prompts.messages import render

        document = cache(lambda doc_id: self.library.documents([doc_id])[0])
        return open_endpoint_reader(
            alias,
            self.settings.model_named(alias),
            render=lambda prompt, unit: render(prompt, unit, document(unit.doc_id)),
        )
