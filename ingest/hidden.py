"""What a PDF says and its reader does not see: counted page by page, and told as warnings of the conversion.

The parser's signals tell of ink, place and size (`ingest.layout.unseen`), PDFium of colour and of what covers what (`ingest.painted`).
What nobody sees is gone by now; words made for a model stay, since a paper may quote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ingest.layout.page import Unseen
from invisible import invisible_signs, split_letters
from orders import orders_in

#: Characters of a page that count as a sentence; fewer are a mark of the printer's or a stray label.
_FEW = 20
#: Warnings of one paper; a hostile one has them on each of a thousand pages.
_MOST_TOLD = 20


def hidden_warnings(path: Path, pages: Iterable[Any], texts: Iterable[tuple[int, str]]) -> list[str]:
    """What is told of this paper: `pages` are those that were read, `texts` the words of each page."""
    signals = {page.page_no: unseen for page in pages if (unseen := getattr(page, "unseen", None))}
    told = [*_of_pages({number: _told(unseen) for number, unseen in signals.items()}), *_of_words(texts)]
    more = [f"the same on other pages, {len(told) - _MOST_TOLD} times"] if len(told) > _MOST_TOLD else []
    return [*told[:_MOST_TOLD], *more, *_of_file(path)]


def _told(unseen: Unseen) -> Counter[str]:
    return Counter(
        {"no ink": unseen.unprinted, "beside the page": unseen.outside, "below 2 pt": unseen.tiny, **dict(unseen.painted)}
    )


def _of_pages(found: dict[int, Counter[str]]) -> Iterator[str]:
    for number, counts in sorted(found.items()):
        reasons = {reason: n for reason, n in counts.items() if n >= _FEW}
        if reasons:
            yield f"page {number}: {sum(reasons.values()):,} characters that cannot be seen ({', '.join(reasons)})"


def _of_words(texts: Iterable[tuple[int, str]]) -> Iterator[str]:
    signs, orders = Counter[int](), dict[int, str]()
    for number, text in texts:
        signs[number] += invisible_signs(text) + split_letters(text)
        for order in orders_in(text):
            orders.setdefault(number, order)
    yield from (f"page {number}: {n:,} signs that nobody sees among its letters" for number, n in sorted(signs.items()) if n)
    yield from (f'page {number}: words made for a model, "{order}"' for number, order in sorted(orders.items()))


def _of_file(path: Path) -> Iterator[str]:
    """What the file says of itself: a title may end up in a prompt."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as pdf:
            told = pdf.get_metadata_dict(skip_empty=True)
    except pypdfium2.PdfiumError:
        return
    for name, text in told.items():
        for order in orders_in(text):
            yield f'the file\'s own {name.lower()} holds words made for a model, "{order}"'
            break
