"""The outline of a document: which of the paragraphs that look like headings are headings, and how deep each stands.

One page cannot tell. A bold word that opens a paragraph is a heading where others like it open other paragraphs; a
bold 'Pros.' that stands twenty times is a label; a numbered line is a list item where the real headings have no numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.layout.block import Block, Kind
from ingest.layout.headings import could_be, depth_of
from ingest.layout.hyphens import join_texts
from ingest.layout.levels import LARGER, Heading, heading_levels, rank_look
from ingest.layout.looks import Look, is_mixed, is_small_caps, look_of
from ingest.layout.names import is_known
from ingest.layout.page import Line, enclosing
from ingest.layout.paragraphs import MARKER
from ingest.layout.style import DocumentStyle

#: Sections of the body, which have numbers where any has one; an abstract or a list of references has none even then.
_BODY = re.compile(
    r"^\W*(?:(?:\d{1,2}|[IVX]{1,5})[.)]?\s+)?(?:introduction|background|(?:materials? and )?methods?|results?(?: and discussion)?"
    r"|discussion|conclusions?|concluding remarks|einleitung|methoden|ergebnisse|diskussion|fazit|introdução|introducción|métodos"
    r"|resultados|discussão|discusión|conclusão|conclusiones)\W*$",
    re.I,
)
_REFERENCES = re.compile(
    r"^\W*(?:\d{1,2}|[IVX]{1,5})?[.)]?\s*(references(?: and notes)?|bibliography|literature cited|works cited|literatur(?:verzeichnis)?"
    r"|referências|referencias)\W*$",
    re.I,
)
#: What stands beside a paper rather than in it.
_ABOUT = re.compile(
    r"^\W*(?:reviewed by|edited by|citation|cite this|to cite|how to cite|received|accepted|published|copyright|licen[sc]e|correspondence"
    r"|doi|issn|history|submitted|handling editor|academic editor|open access|additional file \d+|permalink|powered by"
    r"|contents|table of contents|date|e-?mail|address|orcid|tel|fax|mathematics subject|msc|pacs|jel|article info|article history)\b",
    re.I,
)
_ABSTRACT = re.compile(r"^\W*(?:abstract|summary|resumo|resumen|zusammenfassung)\W*$", re.I)
_KEYWORDS = re.compile(r"^\W*key ?words?\b", re.I)
#: Words; what a label names is shorter.
_PARAGRAPH = 25
#: Statements of mathematics: they have numbers and bold names, and are no sections.
_STATEMENT = re.compile(
    r"^(?:theorem|lemma|proposition|corollary|definition|remarks?|examples?|proof|claim|conjecture|assumption|axiom|exercise|problem|question"
    r"|observation|algorithm|satz|beweis|case|step)\b(?:\s+[A-Z]?\d[\d.]*|\s*[.:(]|\s+of\b)",
    re.I,
)
#: How often one and the same text may be a heading; the sections of each of many trials repeat, but not as run-ins.
_REPEATS = 3


def with_lookalikes(pages: Sequence[Sequence[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages; what opens a paragraph and looks as several headings do is one too, though it stands close to the text."""
    looks = _common_looks(pages, style)
    return [_with_whole_headings(_with_lookalikes(page, looks), style) for page in pages]


def _with_whole_headings(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks of a page; the lines of one heading, set far apart, are one block."""
    whole: list[Block] = []
    for block in blocks:
        if whole and _is_second_line(whole[-1], block, style):
            head = whole[-1]
            text = join_texts((head.text, block.text), style.known)
            whole[-1] = replace(
                head, kind=Kind.HEADING, rect=enclosing((head.rect, block.rect)), lines=head.lines + block.lines, text=text
            )
        else:
            whole.append(block)
    return whole


def _is_second_line(head: Block, block: Block, style: DocumentStyle) -> bool:
    """True for one line below a heading that goes on with it in the same type."""
    is_broken = head.kind is Kind.TEXT and len(head.lines) == 1 and head.text.endswith("-") and head.lines[0].bold > 0.9
    if not (head.kind is Kind.HEADING or is_broken) or head.is_run_in:
        return False
    if block.kind not in (Kind.TEXT, Kind.HEADING) or len(block.lines) != 1:
        return False
    first, second = head.lines[-1], block.lines[0]
    near = 0 < first.base - second.base < 2.7 * first.size  # manuscripts are set at double distance
    alike = first.face == second.face and abs(first.size - second.size) < 0.3 and abs(first.bold - second.bold) < 0.1
    distinct = first.face != style.face or first.size >= style.size + LARGER
    goes_on = second.text[:1].islower() or _is_under_words(head, second)
    return near and alike and distinct and goes_on and not head.text.endswith((".", ":", "?"))


def _is_under_words(head: Block, second: Line) -> bool:
    """True for a line that begins where the words behind the heading's number do."""
    words = head.lines[0].words
    return len(words) > 1 and depth_of(head.text) > 0 and abs(second.rect.left - words[1].rect.left) < 1.5


def _common_looks(pages: Sequence[Sequence[Block]], style: DocumentStyle) -> set[Look]:
    """Looks that several headings share and the body has not."""
    looks = Counter(look_of(b.lines) for page in pages for b in page if b.kind is Kind.HEADING and not b.is_run_in)
    return {
        look
        for look, n in looks.items()
        if n > 1 and (look.face != style.face or look.size >= style.size + LARGER) and (look.bold or not style.bold)
    }


def _with_lookalikes(blocks: Sequence[Block], looks: set[Look]) -> list[Block]:
    found = list(blocks)
    for at, (block, following) in enumerate(pairwise(blocks)):
        if block.kind is not Kind.TEXT or not 0 < len(block.lines) < 4 or not could_be(block.lines):
            continue
        if look_of(block.lines) in looks and _opens(following, block, found[at - 1] if at else None):
            found[at] = block.named(Kind.HEADING)
    return found


def _opens(following: Block, block: Block, before: Block | None) -> bool:
    """True where what follows is what a heading stands above."""
    if following.kind is Kind.HEADING or (following.kind is Kind.TEXT and len(following.lines) > 1):
        return True
    if following.kind is Kind.TABLE and not following.captions:  # a list of pairs
        return True
    return following.kind in (Kind.TEXT, Kind.LIST_ITEM) and _stands_apart(before, block)


def _stands_apart(before: Block | None, block: Block) -> bool:
    """True for a single line, not in italics as statements are, with white above it or at the top of its column."""
    look = look_of(block.lines)
    if len(block.lines) != 1 or look.italic:
        return False
    is_below = before is not None and before.rect.bottom > block.rect.bottom and before.rect.right > block.rect.left
    return before is None or not is_below or before.rect.bottom - block.rect.top > 0.8 * block.lines[0].size


def with_outline(pages: Sequence[Sequence[Block]], style: DocumentStyle) -> list[list[Block]]:
    """The pages with what is no heading after all as text, and every other heading with its level."""
    found = [
        _heading(block, following, style)
        for page in pages
        for block, following in pairwise([*page, None])
        if block and block.kind is Kind.HEADING
    ]
    running = {look_of(b.lines).face for page in pages for b in page if b.kind is Kind.TEXT and len(b.lines) > 2}
    kept = kept_headings(found, style, frozenset(running))
    levels = iter(heading_levels([heading for heading, keep in zip(found, kept, strict=True) if keep], style.size))
    keeps = iter(kept)
    named = [[_named(block, next(keeps), levels) if block.kind is Kind.HEADING else block for block in page] for page in pages]
    return [_with_heads(page, style) for page in named]


def _heading(block: Block, following: Block | None, style: DocumentStyle) -> Heading:
    """What is told of a heading alone; one that runs into small print is no smaller for that."""
    look = look_of(block.lines, is_run_in=block.is_run_in)
    if not (block.is_run_in and following and following.lines):
        return Heading(block.text, look, is_mixed(block.lines))
    if abs(block.lines[0].size - following.lines[0].size) < 0.1 * look.size:
        look = replace(look, size=style.size)
    look = replace(look, bold=look.bold or look.face in style.heads)
    return Heading(block.text, look, is_mixed(block.lines), len(following.text.split()))


def _named(block: Block, is_heading: bool, levels: Iterator[int]) -> Block:
    if is_heading:
        return replace(block, level=next(levels))
    return block.named(Kind.LIST_ITEM if MARKER.match(block.text) else Kind.TEXT)


def _with_heads(blocks: Sequence[Block], style: DocumentStyle) -> list[Block]:
    """The blocks of a page; a paragraph whose first words had been taken for a heading is whole again."""
    whole: list[Block] = []
    for block in blocks:
        head = whole[-1] if whole else None
        is_text = block.kind in (Kind.TEXT, Kind.FOOTNOTE)
        if head and head.kind is not Kind.HEADING and is_text and (head.is_run_in or _is_name_of(head, block)):
            whole[-1] = _run_together(head, block, style)
        else:
            whole.append(block)
    return whole


def _is_name_of(head: Block, block: Block) -> bool:
    """True for the bold first line of a list item, whose text follows at once and stands under its words."""
    close = 0 < head.lines[-1].base - block.lines[0].base < 1.6 * block.lines[0].size if head.lines and block.lines else False
    return (
        close
        and head.kind is Kind.LIST_ITEM
        and len(head.lines) == 1
        and head.lines[0].bold > 0.9
        and block.rect.left > head.rect.left + 4
    )


def _run_together(head: Block, rest: Block, style: DocumentStyle) -> Block:
    return replace(
        rest,
        kind=head.kind,
        rect=enclosing((head.rect, rest.rect)),
        lines=head.lines + rest.lines,
        text=join_texts((head.text, rest.text), style.known),
    )


def kept_headings(headings: Sequence[Heading], style: DocumentStyle, running: frozenset[str] = frozenset()) -> list[bool]:
    """For each that looks like a heading whether it is one, told from all of them; `running` names the fonts of whole paragraphs."""
    company = Counter(_company(heading) for heading in headings)
    repeats = Counter(heading.text.lower() for heading in headings)
    references = max((at for at, heading in enumerate(headings) if _REFERENCES.match(heading.text)), default=0)
    references = references if references > 0.3 * len(headings) else len(headings)  # earlier, it is a line of the contents
    looks_before = {rank_look(heading.look) for heading in headings[:references]}
    openers = _openers(headings)
    has_numbers, in_abstract = _has_numbers(headings, style), _in_abstract(headings)
    stand_out = any(is_known(heading.text) and not _is_plain(heading.look, style) for heading in headings)
    kept = []
    for at, heading in enumerate(headings):
        look = heading.look
        if look.is_run_in:
            keep = not _KEYWORDS.match(heading.text) and (is_known(heading.text) or company[_company(heading)] > 1)
            keep = keep and (is_known(heading.text) or not heading.text.endswith(":") or _company(heading) in openers)
        elif is_known(heading.text):
            keep = not (stand_out and _is_plain(look, style))
        else:
            keep = not _is_weak(look, style) or (company[_company(heading)] > 2 and look.face not in running)
        if not is_known(heading.text):
            keep = keep and not (
                _ABOUT.match(heading.text)
                or _STATEMENT.match(heading.text)
                or repeats[heading.text.lower()] >= _REPEATS
                or (at > references and (rank_look(look) not in looks_before or (look.is_run_in and not look.bold)))
                or (not has_numbers and _is_entry(heading, style))
            )
        kept.append(keep and not in_abstract[at])
    return kept


def _openers(headings: Sequence[Heading]) -> set[tuple[bool, bool, bool, str]]:
    """The kinds of run-in headings that end with a colon and open paragraphs, not a few words as 'Software:' does."""
    n_words: dict[tuple[bool, bool, bool, str], list[int]] = {}
    for heading in headings:
        if heading.look.is_run_in and heading.text.endswith(":") and not is_known(heading.text):
            n_words.setdefault(_company(heading), []).append(heading.n_words)
    return {kind for kind, found in n_words.items() if len(found) > 1 and sorted(found)[len(found) // 2] >= _PARAGRAPH}


def _in_abstract(headings: Sequence[Heading]) -> list[bool]:
    """For each whether it names a part of the abstract: 'Background:', 'Results:' in front of its sentences."""
    inside = False
    found = []
    for heading in headings:
        found.append(inside and heading.look.is_run_in)
        if not heading.look.is_run_in or _ABSTRACT.match(heading.text):
            inside = bool(_ABSTRACT.match(heading.text))
    return found


def _is_plain(look: Look, style: DocumentStyle) -> bool:
    """True for the type of the body itself."""
    return look.face == style.face and not look.caps and abs(look.size - style.size) < LARGER


def _is_weak(look: Look, style: DocumentStyle) -> bool:
    """True where nothing but another font tells it from the text."""
    return not (look.bold or look.italic or look.caps or is_small_caps(look)) and look.size < style.size + LARGER


def _company(heading: Heading) -> tuple[bool, bool, bool, str]:
    look = heading.look
    return (look.is_run_in, look.bold, look.italic, look.face if not (look.bold or look.italic) else "")


def _has_numbers(headings: Sequence[Heading], style: DocumentStyle) -> bool:
    """True unless the sections have names alone: those that stand in every paper, or most of those in large type."""
    named = [heading for heading in headings if _BODY.match(heading.text)]
    large = [heading for heading in headings if heading.look.size >= style.size + LARGER and not is_known(heading.text)]
    if any(depth_of(heading.text) for heading in named):
        return True
    return len(named) < 2 and not (len(large) > 2 and sum(not depth_of(heading.text) for heading in large) > 0.6 * len(large))


def _is_entry(heading: Heading, style: DocumentStyle) -> bool:
    """True for a numbered line no larger than the body, as the items of a list have in bold."""
    return bool(re.match(r"^\(?\d{1,2}[.)]\s", heading.text)) and heading.look.size < style.size + LARGER
