"""What the settings open: library, ledger, embedding model, converter children, readers. Each is opened when first asked for.

Doors make one Workplace and hand its parts to `pipeline`. Opening is where most can be missing, so most of what raises here
tells a user what to install, fetch or set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

from errors import LibraryError, SettingsInvalid
from ingest.converter import converter_key
from jobs import Ledger
from records import Embed, OcrChoice, Reader
from settings import Settings, aliases_of
from store.embedding import Embedder, max_tokens, model_folder, model_identity, tokenizer_file
from store.library import Library, create_library, is_library, open_library
from storing import Recipe

if TYPE_CHECKING:
    from extract.panel import Panel
    from ingest.sandbox import ConverterChild

#: Of a page that a prompt sends whole: at this its smallest print can be read.
PAGE_DPI = 150
#: The alias of the lane that needs no server.
EMBEDDED = "embedded"


def with_embedded(named: str) -> tuple[str, ...]:
    """The aliases of a run's models; the embedded reader costs nothing and is always there."""
    return tuple(dict.fromkeys((EMBEDDED, *aliases_of(named))))


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

    def panel(self, named: str) -> Panel:
        """The readers of a run: one alias, or one for each lane as 'qwen-4b+qwen-vl-8b'. Raises NotFound for an alias that nothing
        has, SettingsInvalid for two of one lane. The embedded reader, which costs nothing to have, is always of it."""
        from extract.models.opinion import ModelOpinion
        from extract.panel import Panel

        readers = [self.reader(alias) for alias in with_embedded(named)]
        twice = [lane.value for lane, n in Counter(reader.lane for reader in readers).items() if n > 1]
        if twice:
            raise SettingsInvalid(
                f"{named!r} names two models of the {twice[0]} lane. Nothing was read. Name one for each lane."
            )
        return Panel(readers, self.settings.routing, lambda alias: ModelOpinion(alias, self.settings.model_named(alias)))

    def reader(self, alias: str) -> Reader:
        """What reads under this alias; raises NotFound for an alias that nothing has."""
        if alias == EMBEDDED:
            from extract.embedded.reader import open_embedded_reader

            # The model opens with the first text that needs it: most prompts are read without.
            return open_embedded_reader(
                lambda texts: self.embedder.embed(texts),
                embedding_key=model_identity(self.settings.embedding_model),
                encoder=model_folder(self.settings.embedding_model),
            )
        from extract.models.reader import open_model_reader
        from extract.models.seeing import Eyes

        eyes = Eyes(crop=lambda png: self.library.blobs.get(png), pages=self._page_pictures)
        # A text that no paper holds has the document '': a prompt's tests are read where there is no library.
        document = cache(lambda doc_id: self.library.documents([doc_id])[0] if doc_id else None)
        return open_model_reader(alias, self.settings.model_named(alias), document=document, eyes=eyes)

    def _page_pictures(self, doc_id: str, pages: Sequence[int]) -> list[bytes]:
        from ingest.page_view import view_pages

        return [view.picture for view in view_pages(self.library.blobs.get(doc_id), pages, dpi=PAGE_DPI)]
