"""The rules as Docling's layout and table models, and the page that they read.

Docling's own models see pictures; these see what the parser says (PageSignals), which a page of ours carries in place of Docling's.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from typing import Any, ClassVar

from docling.datamodel.base_models import Cluster, LayoutPrediction, Page, Table, TableStructurePrediction
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import BaseLayoutOptions, BaseTableStructureOptions
from docling.models.base_layout_model import BaseLayoutModel
from docling.models.base_table_model import BaseTableStructureModel
from docling_core.types.doc import DocItemLabel
from pydantic import ConfigDict, PrivateAttr

from ingest.layout.block import Block, Kind
from ingest.layout.document import bounding_box, table_data
from ingest.layout.page import PageSignals, Unseen
from ingest.layout.reading import read_layout
from ingest.layout.trust import layout_score
from ingest.layout.turned import page_turn
from ingest.letters import count_loose
from ingest.ocr_pages import Doubt
from ingest.wire import Backend


class RulesLayoutOptions(BaseLayoutOptions):
    kind: ClassVar[str] = "reread_rules"


class RulesTableOptions(BaseTableStructureOptions):
    kind: ClassVar[str] = "reread_rules"


class SignalPage(Page):
    """A page with what the rules see of it, instead of Docling's parsed page (five times as large)."""

    _kept: PageSignals | bytes | None = PrivateAttr(default=None)
    _read_by: Backend = PrivateAttr(default=Backend.DOCLING_PARSE)
    _reason: str = PrivateAttr(default="")  #: why a lesser backend read it
    _doubt: Doubt | None = PrivateAttr(default=None)  #: why OCR is to read it
    ocr_confidence: float | None = None  #: 0 to 1; None = OCR did not read it

    n_chars: int = 0  #: visible characters of the text layer
    image_share: float = 0.0  #: share of the page that bitmaps cover, 0 to 1: what a scan has and a short page has not
    unseen: Unseen = Unseen()
    turn: int = 0  #: degrees; see PageSignals and ingest/layout/turned.py
    loose: int = 0  #: ligatures and lone accents of the text layer

    @property
    def signals(self) -> PageSignals | None:
        """What the rules see of it; None where nothing was read. Made anew by each call where it is packed."""
        return pickle.loads(zlib.decompress(self._kept)) if isinstance(self._kept, bytes) else self._kept

    def keep(self, signals: PageSignals, *, packed: bool = False) -> None:
        """Packed, a page takes 20 KB instead of 500, and some milliseconds."""
        area = max(1.0, signals.width * signals.height)
        self.n_chars, self.unseen = signals.n_chars, signals.unseen
        self.image_share = min(1.0, sum(box.area for box in signals.bitmaps) / area)
        self.turn, self.loose = page_turn(signals), sum(count_loose(word.text) for word in signals.words)
        self._kept = zlib.compress(pickle.dumps(signals), 1) if packed else signals


class BlockCluster(Cluster):
    """A cluster that still knows its block: a cluster alone has no level, no caption and no second part."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    block: Any = None


class RulesLayoutModel(BaseLayoutModel):
    requires_layout_postprocessing = False

    def __init__(self, *, options: RulesLayoutOptions, **_: Any) -> None:
        self.options = options

    @classmethod
    def get_options_type(cls) -> type[BaseLayoutOptions]:
        return RulesLayoutOptions

    def predict_layout(self, conv_res: ConversionResult, pages: Sequence[Page]) -> Sequence[LayoutPrediction]:
        """The blocks of these pages, which are all that the document has."""
        signals = [read for page in pages if isinstance(page, SignalPage) and (read := page.signals)]
        laid_out = read_layout(signals)
        for signal, blocks in zip(signals, laid_out, strict=True):
            conv_res.confidence.pages[signal.number].layout_score = layout_score(signal, blocks)
        return [
            LayoutPrediction(clusters=[_cluster(number, block, page) for number, block in enumerate(blocks)])
            for page, blocks in zip(pages, laid_out, strict=True)
        ]


def _cluster(number: int, block: Block, page: Page) -> BlockCluster:
    assert page.size is not None
    box = bounding_box(block.rect).to_top_left_origin(page.size.height)
    return BlockCluster(id=number, label=DocItemLabel(block.kind.value), bbox=box, block=block)


class RulesTableModel(BaseTableStructureModel):
    enabled = True

    def __init__(self, *, options: RulesTableOptions, **_: Any) -> None:
        self.options = options

    @classmethod
    def get_options_type(cls) -> type[BaseTableStructureOptions]:
        return RulesTableOptions

    def predict_tables(self, conv_res: ConversionResult, pages: Sequence[Page]) -> Sequence[TableStructurePrediction]:
        """The grid that the layout found while it decided that this is a table: without one it would be none."""
        return [
            TableStructurePrediction(
                table_map={
                    cluster.id: _table(cluster, page)
                    for cluster in (page.predictions.layout.clusters if page.predictions.layout else ())
                    if isinstance(cluster, BlockCluster) and cluster.block.kind is Kind.TABLE
                }
            )
            for page in pages
        ]


def _table(cluster: BlockCluster, page: Page) -> Table:
    data = table_data(cluster.block.grid)
    return Table(
        label=cluster.label,
        id=cluster.id,
        page_no=page.page_no,
        cluster=cluster,
        otsl_seq=[],
        num_rows=data.num_rows,
        num_cols=data.num_cols,
        table_cells=data.table_cells,
    )
