"""A web page made ready for Docling: what a person reads of it, its inline marks flattened, its formulas as LaTeX.

Docling reads a whole page: menus, languages, share buttons, and what is hidden from eyes, which is where a page that means harm
speaks to a model. It also cuts the spaces around each run of italics (see jats.py).
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from ingest.formats.mathml import latex_of
from ingest.formats.scripts import superscript

_NEVER_READ = (
    "script", "style", "noscript", "template", "nav", "aside", "form", "button", "select", "input", "textarea", "iframe",
    "object", "embed", "dialog", "svg", "canvas", "audio", "video",
)  # fmt: skip
_ROLES = re.compile(r"navigation|banner|search|contentinfo|complementary|dialog|menu", re.IGNORECASE)
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9]))", re.IGNORECASE)
_MARKS = ("i", "em", "b", "strong", "u", "s", "small", "big", "font", "span", "sub", "sup", "abbr", "cite", "q", "mark", "dfn",
          "var", "bdi", "bdo", "time", "wbr", "ins", "tt", "kbd", "samp")  # fmt: skip
_MAIN_SHARE = 0.4  #: of a page's text; a main part with less is not what the page is about


def prepared_page(data: bytes) -> bytes:
    """The page as UTF-8 bytes that Docling reads without loss and without what is around the text."""
    from bs4 import BeautifulSoup, Comment

    soup = BeautifulSoup(data, "html.parser")
    for math in soup.find_all("math"):
        _write_latex(math)
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for tag in soup.find_all(_NEVER_READ):
        tag.decompose()
    for tag in soup.find_all(_is_hidden):
        tag.decompose()
    _keep_main(soup)
    _flatten(soup)
    return str(soup).encode()


def prepared_book(path: Path) -> bytes:
    """An EPUB with its chapters prepared as pages are. Its archive was checked before."""
    packed = BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        # First and as it is: by that Docling tells a book from any archive, which it would take apart.
        new.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for info in old.infolist():
            if info.filename != "mimetype":
                is_chapter = info.filename.lower().endswith((".xhtml", ".html", ".htm"))
                new.writestr(info.filename, prepared_page(old.read(info)) if is_chapter else old.read(info))
    return packed.getvalue()


def _write_latex(math: Any) -> None:
    """A formula as $LaTeX$: as its author wrote it where the page kept that, else from its MathML."""
    from lxml import etree

    told = math.find("annotation", attrs={"encoding": re.compile("tex", re.IGNORECASE)})
    latex = told.get_text() if told else math.get("alttext", "")
    if not latex:
        try:
            latex = latex_of(
                etree.fromstring(str(math).encode(), etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
            )
        except (etree.XMLSyntaxError, TypeError, ValueError, AttributeError):
            latex = math.get_text(" ", strip=True)
    mark = "$$" if math.get("display") == "block" else "$"
    math.replace_with(f"{mark}{' '.join(latex.split())}{mark}")


def _is_hidden(tag: Any) -> bool:
    return bool(
        tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or _HIDDEN.search(tag.get("style") or "")
        or _ROLES.search(" ".join(tag.get("role") or "") if isinstance(tag.get("role"), list) else tag.get("role") or "")
    )


def _keep_main(soup: Any) -> None:
    """Only the main part, where the page says which that is and it holds the text."""
    body = soup.body or soup
    whole = len(body.get_text(" ", strip=True))
    for main in [*soup.find_all("main"), *soup.find_all(attrs={"role": "main"}), *soup.find_all("article")]:
        if len(main.get_text(" ", strip=True)) >= _MAIN_SHARE * whole and soup.body and main is not body:
            kept = main.extract()
            soup.body.clear()
            soup.body.append(kept)
            return
    for footer in soup.find_all("footer"):
        footer.decompose()


def _flatten(soup: Any) -> None:
    for sup in soup.find_all("sup"):
        if sup.string:
            sup.string.replace_with(superscript(str(sup.string)))
    for link in soup.find_all("a"):
        if not str(link.get("href", "")).lower().startswith(("http://", "https://", "mailto:")):
            link.unwrap()
    for tag in soup.find_all(_MARKS):
        tag.unwrap()
    soup.smooth()
