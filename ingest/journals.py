"""Where a paper was published, as its own pages print it: journal, volume, issue, pages.

The line that says so stands at the edge of the pages, above the title, or in 'To cite this article'. A newcomer would search the first
page for a journal's name; but a correction, a replication and a review print those of other papers there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

LONGEST_LINE = 160  #: signs of a line above the title; a longer one is a sentence
MOST_PARTS, LONGEST_PART = 5, 30  #: of a running line that is set apart, signs of each
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_YEAR = r"(?P<year>(?:19|20)\d{2})"
_NAME = r"(?P<journal>[A-ZÀ-Ž][^\d|()\[\]@]{2,90}?)"
_PAGES = r"(?P<pages>[A-Za-z]{0,2}\d{1,12}(?:\s?[-–]\s?[A-Za-z]{0,2}\d{1,9})?)(?!\d)"
_VOLUME = r"(?P<volume>\d{1,4})(?!\d)"
#: Shapes of such a line, surest first. What comes before the journal's name is cut off first.
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE if "VOL" in shape else 0)
    for shape in (
        rf"{_NAME}[,.]?\s*(?:{_MONTH} )?{_YEAR}[,;]?\s*\|?\s*VOL(?:UME|\.)?\s*{_VOLUME}[,;]?\s*"
        rf"(?:NO|ISSUE)\.?\s*(?P<issue>\d+)(?:[,;]?\s+(?:pp\.?\s*)?{_PAGES})?",
        rf"{_NAME}[,.]?\s*\|?\s*\({_YEAR}\)\s*{_VOLUME}\s*(?:\((?P<issue>\d+)\)\s*)?:\s*{_PAGES}",
        rf"{_NAME}[,.]?\s+{_YEAR}[,;]\s*{_VOLUME}\s*(?:\((?P<issue>\d+)\)\s*)?[,:]\s*{_PAGES}",
        rf"{_NAME}[,.]?\s+{_VOLUME}\s*(?:\((?P<issue>\d+)\)|[.](?P<part>\d+))?\s*\({_YEAR}\)[,:]?\s*{_PAGES}",
        rf"{_NAME}[,.]?\s+{_VOLUME}\s*\((?P<issue>\d+)\)\s*[,:]\s*{_PAGES}",
        rf"{_NAME}[,.]?\s+{_VOLUME},\s*{_PAGES},?\s*\(?(?:[A-Z][a-z]+ \d{{1,2}}, )?{_YEAR}",
        rf"{_NAME}[,.]?\s*\|?\s*(?:{_MONTH} )?{_YEAR},?\s*\|?\s*Volume {_VOLUME},?\s*\|?\s*(?:Issue (?P<issue>\d+)|Article {_PAGES})",
    )
)
#: What may stand before the journal's name on its line: the page's number, the authors, a title that ends in a full stop.
_BEFORE = re.compile(
    r"^(?:\d{1,5}\s+)?(?:(?:[\w'’.-]+ ){1,4}(?:et al\.?|and [\w'’.-]+),?\s+)?(?:Cit(?:e|ation)[^:]{0,30}:\s*)?"
)
_PAGE_NUMBER = re.compile(r"\d{1,5}")
_TITLE_BEFORE = re.compile(r"^.*[.?!]\s+(?=[A-ZÀ-Ž])")
_OTHERS = re.compile(r"→|original|correct(?:s|ion|ed)|retract|replicat|reproduc|erratum|review of|comment on", re.IGNORECASE)
_NO_JOURNAL = re.compile(
    rf"(?:{_MONTH}|month|spring|summer|autumn|winter)\W*$|(?:page|vol|article|received|accepted|published|fig|table|copyright|©|doi|https?|www|edited)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imprint:
    """Where a paper was published; what is not printed is empty."""

    journal: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    year: int | None = None


def imprint_of(texts: Sequence[str], furniture: Sequence[str], title: str | None, doi: str | None) -> Imprint | None:
    """The imprint that the edges of the pages print most often, else that of a line of page 1 which is this paper's own."""
    furniture = [line for line in furniture if not _PAGE_NUMBER.fullmatch(line)]
    texts = [text for text in texts if text not in set(furniture) and not _PAGE_NUMBER.fullmatch(text)]
    at_edge = [found for line in _lines(furniture) if (found := _read(line))]
    own = [found for text in _lines(texts) if _is_own(text, title, doi) and (found := _read(text))]
    if not at_edge:
        return own[0] if own else None
    best = _agreed(at_edge)
    fuller = (one for one in own if one.pages and (one.journal.lower(), one.volume) == (best.journal.lower(), best.volume))
    return best if best.pages else replace(best, pages=next((one.pages for one in fuller), ""))


def _is_own(text: str, title: str | None, doi: str | None) -> bool:
    """Whether a text of page 1 may be this paper's own line: short, or one that names it, and not one about another paper."""
    names_it = bool((doi and doi in text.lower()) or (title and title[:40] in text))
    return (len(text) <= LONGEST_LINE or names_it) and not _OTHERS.search(text)


def _agreed(found: Sequence[Imprint]) -> Imprint:
    """What most lines say. Pages that change with every line are the number of the page itself."""
    most = Counter(replace(one, pages="") for one in found).most_common(1)[0][0]
    pages = {one.pages for one in found if replace(one, pages="") == most and one.pages}
    return replace(most, pages=pages.pop()) if len(pages) == 1 else most


def _lines(furniture: Sequence[str]) -> Iterator[str]:
    """Each running line, and each with those after it: 'Scientific Reports |' and '(2021) 11:6102' are set apart, some in five parts."""
    yield from furniture
    for first, second in pairwise(furniture):
        if len(first) < LONGEST_LINE * 2 and len(second) < 120:
            yield f"{first.rstrip(' |')} {second}"
    for n in range(3, MOST_PARTS + 1):
        for start in range(len(furniture) - n + 1):
            if all(len(part) < LONGEST_PART for part in furniture[start : start + n]):
                yield " ".join(furniture[start : start + n])


def _read(line: str) -> Imprint | None:
    line = _BEFORE.sub("", " ".join(line.split()), count=1)
    last_sentence = _TITLE_BEFORE.sub("", line.split(" https:")[0].rstrip(". "))
    for text in dict.fromkeys((line, last_sentence)):
        for shape in _SHAPES:
            found = shape.match(text)
            if found and not _NO_JOURNAL.match(found["journal"]) and re.search(r"[^\W\d_]{3}", found["journal"]):
                return _imprint(found)
    return None


def _imprint(found: re.Match[str]) -> Imprint:
    told = found.groupdict()
    journal = told["journal"].strip(" ,.|")
    after = found.string[found.end("journal") - 1 : found.end("journal") + 1]
    if "." in after and "." in journal:
        journal += "."  # of an abbreviation, as the others are
    if journal.isupper():
        journal = journal.title() if " " in journal else journal
    pages = re.sub(r"\s?[-–]\s?", "-", told.get("pages") or "")
    issue = told.get("issue") or told.get("part") or ""
    year = told.get("year")
    return Imprint(journal=journal, volume=told["volume"], issue=issue, pages=pages, year=int(year) if year else None)
