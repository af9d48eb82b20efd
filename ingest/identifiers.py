"""The paper's own DOI and arXiv id, not those of the papers it cites."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"'<>{}|\\^`,，]+", re.IGNORECASE)
#: What introduces a DOI as the paper's own, within a few signs before it.
_OWN = re.compile(r"(?:doi(?:\.org)?\s*[:/]?\s*(?:https?://(?:dx\.)?doi\.org/)?|https?://(?:dx\.)?doi\.org/)$", re.IGNORECASE)
#: What introduces another's: data, code, a supplement, a paper that this one corrects or reviews.
_OTHERS = re.compile(
    r"→|\b(?:data(?:set)?s?|code|software|archive|zenodo|figshare|dryad|supplement\w*|replicat\w*|reproduc\w*|original\w*|"
    r"correct(?:s|ed|ion\w*)|erratum|review\w*|editor\w*|available|deposited|materials?|article title|published version)\b"
    r"[^.]{0,80}$",
    re.IGNORECASE,
)
_ARXIV_STAMP = re.compile(
    r"(?i:arXiv):\s?(?P<id>\d{4}\.\d{4,5}(?!\d)|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?\s*"
    r"(?:\[[a-z-]+(?:\.[A-Za-z-]+)?\]|\d{1,2} [A-Z][a-z]{2}\b)"
)
_ARXIV_NAME = re.compile(r"(?<![\d.])(?P<id>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?(?![\d.]*\d)")


def doi_of(texts: Sequence[str], furniture: Sequence[str], told: Sequence[str], name: str, year: int | None) -> str | None:
    """The DOI in lower case, from the metadata, the file's name, the edges of the pages, or page 1 if it names but one.

    `year` is the paper's: a DOI at the end of a citation of another year is another paper's.
    """
    from_metadata = [doi for text in told for doi, _ in _dois([text])]
    if from_metadata:
        return from_metadata[0]
    printed = _dois(texts)
    in_name = [doi for doi, _ in printed if _squeezed(doi) in _squeezed(name)]
    if in_name:
        return max(in_name, key=len)
    own = [(doi, before) for doi, before in printed if not _is_others(before, year)]
    at_edge = Counter(doi for doi, before in _dois(furniture) if not _is_others(before, year))
    if at_edge:
        return at_edge.most_common(1)[0][0]
    for candidates in (own, [(doi, before) for doi, before in own if _OWN.search(before)]):
        found = list(dict.fromkeys(doi for doi, _ in candidates))
        if len(found) == 1:
            return found[0]
    return None


def _is_others(before: str, year: int | None) -> bool:
    """Whether these words introduce another paper's DOI, or belong to a citation of another year."""
    years = {int(found) for found in re.findall(r"\b(?:19|20)\d{2}\b", before[-120:])}
    return bool(_OTHERS.search(_OWN.sub("", before))) or (bool(years) and year not in years)


def _dois(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Each DOI in lower case with what stands before it. One without a digit after the slash was cut by a space."""
    found = [(_trimmed(match.group()), text[: match.start()]) for text in texts for match in _DOI.finditer(text)]
    return [(doi, before) for doi, before in found if re.search(r"/.*\d", doi)]


def _trimmed(doi: str) -> str:
    """Without the sentence's punctuation; a closing bracket belongs to the DOI only where it was opened in it."""
    doi = doi.lower()
    while doi and (doi[-1] in ".;:,*†‡·" or _is_unopened(doi)):
        doi = doi[:-1]
    return doi


def arxiv_of(texts: Sequence[str], name: str) -> str | None:
    """The id in arXiv's stamp on the margin of page 1, else in the file's name; without the version."""
    for text in texts:
        if found := _ARXIV_STAMP.search(text):
            return found["id"]
    in_name = _ARXIV_NAME.search(name)
    return in_name["id"] if in_name else None


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _is_unopened(doi: str) -> bool:
    """Whether the last sign is a closing bracket without its opening one."""
    opening = {")": "(", "]": "["}.get(doi[-1])
    return opening is not None and doi.count(doi[-1]) > doi.count(opening)
