"""JATS made ready for Docling: its inline marks flattened, its entities written out or refused.

Docling strips the spaces around each run of italics or superscript and loses what stood between them, so 'CO<sub>2</sub> is'
and 'H<sub>2</sub>O' come out alike, and a title ends where its first italic word begins. Flattened before, the words stand as
the journal set them. The parser here opens nothing: no DTD, no other file, no network, and no entity that holds another.
"""

from __future__ import annotations

import html
import re
from typing import Any

from errors import Damaged
from ingest.formats.mathml import latex_of
from ingest.formats.scripts import superscript

#: Marks that say how words look, not what they are.
_MARKS = (
    "italic", "bold", "underline", "overline", "strike", "sc", "roman", "sans-serif", "monospace", "sub", "sup",
    "named-content", "styled-content", "abbrev", "ext-link", "uri", "email", "xref", "target", "milestone-start",
    "milestone-end", "institution-wrap",
)  # fmt: skip
#: By which Docling tells JATS; nobody fetches it.
_DOCTYPE = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving DTD v1.3//EN" "JATS-archivearticle1-3.dtd">'
_KEPT_XREF = ("aff", "corresp", "author-notes")  #: Docling reads who belongs where from these


def parse_safely(data: bytes, name: str) -> Any:
    """The tree of these bytes; raises Damaged where they are no XML, or XML that defines entities of entities."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, dtd_validation=False, huge_tree=False)
    try:
        tree = etree.fromstring(data, parser=parser).getroottree()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Damaged(f"{name} could not be read as XML: {error}. Nothing was kept. Fetch it again.") from error
    subset = tree.docinfo.internalDTD
    for entity in subset.iterentities() if subset is not None else ():
        if "&" in (entity.content or "") or "%" in (entity.content or ""):
            raise Damaged(
                f"{name} defines the entity {entity.name!r} by other entities, which can be made to grow without end. "
                "Nothing was read. Write it out, then add the file again."
            )
    return tree


def prepared(tree: Any) -> bytes:
    """The article as bytes that Docling reads without loss. Changes the tree."""
    from lxml import etree

    root = tree.getroot()
    for entity in list(root.iter(etree.Entity)):
        _replace(entity, html.unescape(entity.text) if html.unescape(entity.text) != entity.text else "")
    for sup in root.iter("sup"):
        if len(sup) == 0 and sup.text:
            sup.text = superscript(sup.text)
    for comment in list(root.iter(etree.Comment, etree.ProcessingInstruction)):
        _replace(comment, "")
    for line in list(root.iter("break")):
        _replace(line, " ")
    etree.strip_elements(root, "institution-id", with_tail=False)
    for aff in root.iter("aff"):
        _flatten_affiliation(aff)
    _place_floats(root)
    for formula in root.iter("disp-formula", "inline-formula"):
        _write_latex(formula)
    kept = [xref for xref in root.iter("xref") if xref.get("ref-type") in _KEPT_XREF]
    for xref in kept:
        xref.tag = "kept-xref"
    etree.strip_tags(root, *_MARKS)
    for xref in kept:
        xref.tag = "xref"
    return etree.tostring(tree, doctype=_DOCTYPE, encoding="utf-8", xml_declaration=True)


def _write_latex(formula: Any) -> None:
    """Leave each formula with the bare LaTeX that Docling looks for."""
    from lxml import etree

    for tex in formula.iter("tex-math"):  # Springer's is a whole document
        tex.text = re.sub(r".*?\\begin\{document\}(.*?)\\end\{document\}.*", r"\1", tex.text or "", flags=re.DOTALL).strip()
    math = formula.find(".//{http://www.w3.org/1998/Math/MathML}math")
    if math is None or formula.find(".//tex-math") is not None or not (latex := latex_of(math)):
        return
    label = "".join(formula.find("label").itertext()).strip("() \n") if formula.find("label") is not None else ""
    tag = rf" \tag{{{label}}}" if label and formula.tag == "disp-formula" else ""
    etree.SubElement(formula, "tex-math").text = f"$${latex}{tag}$$"


def _place_floats(root: Any) -> None:
    """Tables and figures that the file holds at its end, each after the paragraph that names it first: Docling reads no
    floats-group."""
    body = root.find("body")
    if body is None:
        return
    cited: dict[str, Any] = {}
    for xref in body.iter("xref"):
        for rid in (xref.get("rid") or "").split():
            cited.setdefault(rid, xref)
    placed: dict[Any, Any] = {}  #: paragraph -> what stands after it last
    for group in root.findall("floats-group"):
        for item in list(group):
            paragraph = _paragraph_of(cited.get(item.get("id", "")), body)
            if paragraph is None:
                body.append(item)
            else:
                placed.get(paragraph, paragraph).addnext(item)
                placed[paragraph] = item
        root.remove(group)


def _paragraph_of(node: Any, body: Any) -> Any:
    """The outermost paragraph around this node; None where it stands in none."""
    found = None
    while node is not None and node is not body:
        found = node if node.tag == "p" and node.getparent().tag in ("sec", "body") else found
        node = node.getparent()
    return found


def _flatten_affiliation(aff: Any) -> None:
    """One text instead of a comma for each element in it; the label is Docling's to see."""
    label = aff.find("label")
    text = " ".join("".join(part for part in aff.itertext()).split())
    mark = "".join(label.itertext()) if label is not None else ""
    for child in list(aff):
        aff.remove(child)
    aff.text = re.sub(r"(?:[,;]\s*)+(?=[,;])", "", text.removeprefix(mark).strip(" ,;"))


def _replace(node: Any, text: str) -> None:
    """Put this text where the node stands, and its tail after it."""
    parent, tail = node.getparent(), node.tail or ""
    if parent is None:
        return
    before = node.getprevious()
    parent.remove(node)
    if before is None:
        parent.text = (parent.text or "") + text + tail
    else:
        before.tail = (before.tail or "") + text + tail
