"""Find what has a shape of its own: DOIs, arXiv ids, URLs, e-mail addresses, accession numbers, years, names of things.

Each finder gives spans of the text and nothing else, so what it finds is copied. PDF text breaks long identifiers at a line
end; a span may hold such a break, and `tidy` takes it out of the value (the evidence keeps the printed form).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from extract.embedded.words import listed

Span = tuple[int, int]

_DOI = re.compile(r"(?<![\w.])10\.\d{4,9}/[^\s\"<>{}|\\^,;\]]+(?:\((?:\d+)\)[^\s\"<>{}|\\^,;\]]+)*", re.I)
_ARXIV = re.compile(
    r"(?:(?<=arxiv:)|(?<=arxiv: )|(?<=arxiv )|(?<=arxiv\.org/abs/)|(?<=arxiv\.org/pdf/)|(?<=abs/))"
    r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?",
    re.I,
)
_URL = re.compile(r"(?:https?://|ftp://|www\.)[^\s\"<>{}|\\^\]]+", re.I)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_YEAR = re.compile(r"(?<![\w.:/-])(?:1[6-9]\d\d|20\d\d)(?=[a-z]?(?![\w/]|\.\d|-\d))")
_IDENTIFIER = re.compile(
    r"(?<!\w)(?:GSE\d{3,}|GSM\d{3,}|PRJ(?:NA|EB|DB)\d+|SR[APRX]\d{5,}|ER[APRX]\d{5,}|SAMN\d+|E-[A-Z]{4}-\d+|"
    r"PXD\d{6}|MSV\d{6,}|EMD-\d{4,}|"
    r"PDB(?:\sID)?:?\s?[1-9][A-Za-z0-9]{3}|NCT\d{8}|ISRCTN\d{8}|CRD\d{8,}|[A-Z]{2}_\d{6,}(?:\.\d+)?|rs\d{4,}|"
    r"RRID:\s?\w+|EGA[SDC]\d{8,}|"
    r"phs\d{6}(?:\.v\d+)?|MTBLS\d+|CCDC\s\d{6,7}|ENSG\d{11}|CVE-\d{4}-\d{4,}|ORCID:?\s?\d{4}-\d{4}-\d{4}-\d{3}[\dX])(?!\w)"
)
_VERSION = re.compile(
    r"(?<!\w)(?:v(?:ersion|er\.?)?\.?\s?)?(\d+(?:\.\d+)+[a-z]?\d*|(?<=v)\d+|"
    r"(?<=version )\d+)(?![\w.]*%)",
    re.I,
)
_TRAIL = ".,;:)'’”"


def dois(text: str) -> Iterator[Span]:
    for match in _DOI.finditer(text):
        yield match.start(), _trimmed(text, match)


def arxiv_ids(text: str) -> Iterator[Span]:
    for match in _ARXIV.finditer(text):
        yield match.span()


def urls(text: str) -> Iterator[Span]:
    for match in _URL.finditer(text):
        yield match.start(), _trimmed(text, match)


def emails(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        yield match.span()


def years(text: str) -> Iterator[Span]:
    for match in _YEAR.finditer(text):
        yield match.span()


def identifiers(text: str) -> Iterator[Span]:
    for match in _IDENTIFIER.finditer(text):
        yield match.span()


def versions(text: str) -> Iterator[Span]:
    for match in _VERSION.finditer(text):
        yield match.span(1)


#: By the kind of a field.
FINDERS: dict[str, Callable[[str], Iterator[Span]]] = {
    "doi": dois,
    "arxiv": arxiv_ids,
    "url": urls,
    "email": emails,
    "year": years,
    "identifier": identifiers,
    "version": versions,
}


def _trimmed(text: str, match: re.Match[str]) -> int:
    """Where it ends without the punctuation of the sentence; a closing bracket stays where it was opened."""
    end = match.end()
    while end > match.start() and text[end - 1] in _TRAIL:
        if text[end - 1] == ")" and text.count("(", match.start(), end) >= text.count(")", match.start(), end):
            break
        end -= 1
    return end


#: A name: words with capitals, digits or signs within ('PyTorch', 'ImageNet-1k', 'R', 'SPSS Statistics'), next to each other.
_NAME_WORD = (
    r"(?:[A-Z][a-z]+[A-Z][\w+.-]*\w|[A-Z]{2,}[\w+-]*|[a-z]+[A-Z]\w*|[A-Z][a-z]+(?:-?\d+)?|[A-Za-z]+\d+\w*|"
    r"[a-z]+(?:-[a-z0-9]+)*(?=-[A-Z]))"
)
NAME = re.compile(rf"(?<![\w.]){_NAME_WORD}(?:[ -]{_NAME_WORD})*(?:[ -](?:v?\d+(?:\.\d+)*))?\+*(?!\w)")
_NO_NAMES = frozenset(
    listed(
        """
        We The In This Our These It For As To However A An Using Figure Fig Table Section Here There Then Thus While Where
        When If Both All Each From At On By With After Before Since Although Moreover Furthermore Finally First Second Third
        Additionally Eq Equation Eqs Ref Refs Appendix Supplementary And Or But Not No Also They Their Its That Those Such
        He She His Her You I Hence Therefore Because Given Based Following Data Results Methods Method Discussion
        Introduction Conclusion Conclusions One Two Three Four Five Six Seven Eight Nine Ten Most Many Some Several Several
        Other Next Figures Tables Sections Analysis Statistical Software Code Availability Samples Sample Model Models Note
        Let See All Briefly Overall Total Only January February March April May June July August September October November
        December Monday Tuesday Wednesday Thursday Friday Another New Both These Open Each Every Further Public Multi Single
        Large Small Official Final Full USA UK US EU Inc Ltd GmbH Corp Co University Institute Department Germany China
        Japan France Canada CA MA NY MD
        """
    )
)


def names(text: str) -> Iterator[Span]:
    """Runs of words that are written like names. A first word that only begins a sentence is left out."""
    for match in NAME.finditer(text):
        start, end = match.span()
        words = text[start:end].split(" ")
        while words and words[0] in _NO_NAMES:
            start += len(words[0]) + 1
            words = words[1:]
        while words and words[-1] in _NO_NAMES:
            end -= len(words[-1]) + 1
            words = words[:-1]
        if (words and end - start > 1) or words == ["R"]:
            yield start, end
