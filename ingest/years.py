"""The year a paper was published, where its first page says so in words that mean it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

FIRST_YEAR = 1900  #: older papers have no such lines; what looks like one is a page or a grant number
_YEAR = r"(?P<year>(?:19|20)\d{2})"
#: Best first. The words between a sign and its year are few and hold no other full stop of a sentence.
_SIGNS = (
    re.compile(rf"published(?: online)?\b[^.;]{{0,40}}?\b{_YEAR}\b", re.I),
    re.compile(rf"(?:©|\(c\)|copyright)[^.;]{{0,60}}?\b{_YEAR}\b", re.I),
    re.compile(rf"(?:the author\(s\)|the authors?)[\s,]{{0,3}}{_YEAR}\b", re.I),
    re.compile(rf"\bvol(?:ume|\.)?\s?\d+[^.;]{{0,60}}?\b{_YEAR}\b", re.I),
    re.compile(rf"\b[A-Z][\w. ]{{3,60}}\({_YEAR}\)\s?\d+[:,]"),
    re.compile(rf"\({_YEAR}\),?\s+(?:vol\.?\s?)?\d+\s?[:(,]", re.I),
    re.compile(rf"\b{_YEAR}[;,]\s?\d+\s?(?:\(\d+\))?\s?:\s?e?\d+"),
    re.compile(rf"\b{_YEAR}\s?[|,]?\s?vol(?:ume|\.)?\s?\d+", re.I),
    re.compile(rf"\b\d+ \({_YEAR}\) \d+"),
    re.compile(rf"doi\.org/\S+\s+[A-Z][a-z]+ \d{{1,2}}, {_YEAR}\b"),
    re.compile(rf"\b{_YEAR} the authors?\b", re.I),
    re.compile(rf"\baccepted\b[^.;]{{0,40}}?\b{_YEAR}\b", re.I),
    re.compile(rf"\bposted\b[^.;]{{0,40}}?\b{_YEAR}\b", re.I),
)


_RECEIVED = re.compile(rf"\b(?:received|submitted)\b[^.;]{{0,30}}?\b{_YEAR}\b", re.I)


def year_of(texts: Sequence[str], furniture: Sequence[str], arxiv_id: str | None) -> int | None:
    """The year of publication; for a preprint that says no other, of its arXiv id. None where the page contradicts itself."""
    lines = [*furniture, *texts]
    received = max(_years(_RECEIVED, lines), default=0)
    for sign in _SIGNS:
        years = _years(sign, lines)
        if years:
            best = max(years, key=lambda year: (years[year], year))
            return best if best >= received else None  # published before it was received: a template that was not filled in
    if arxiv_id and arxiv_id[:4].isdecimal():
        return 2000 + int(arxiv_id[:2])
    return None


def _years(sign: re.Pattern[str], lines: Sequence[str]) -> Counter[int]:
    latest = datetime.now(UTC).year + 1
    found = (int(match["year"]) for line in lines for match in sign.finditer(line))
    return Counter(year for year in found if FIRST_YEAR <= year <= latest)
