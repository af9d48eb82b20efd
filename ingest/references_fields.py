"""What one entry of a reference list says: authors, title, year, where it was published, DOI, arXiv id, address.

There are as many styles as publishers, but four shapes of title: in quotation marks; a sentence after the authors; a sentence after
authors and year; a stretch between commas before 'Journal 12, 34 (2000)'. Some lists have no titles. What no shape fits stays None:
the text of the entry is always kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.identifiers import arxiv_in, dois_in, urls_in
from ingest.references_names import family_of, read_names

_YEAR = r"(?:1[6-9]|20)\d{2}"
_ANY_YEAR = re.compile(rf"(?<![\d.:-])({_YEAR})(?P<letter>[a-z])?(?![\d:]|-\d)")
_IN_BRACKETS = re.compile(rf"\((?:[A-Z][a-z]+\.?\s)?({_YEAR})(?P<letter>[a-z])?(?:,[^()]{{0,20}})?\)")
_BEFORE_VOLUME = re.compile(rf"(?<![\d.:-])({_YEAR})(?P<letter>[a-z])?(?:\s[A-Z][a-z]{{2}}(?:\s\d+)?)?\s?;")
_UNDATED = re.compile(r"\bn\.\s?d\.|\bin press\b|\bforthcoming\b|\bto appear\b|\bsubmitted\b", re.IGNORECASE)
_LEADING_YEAR = re.compile(
    rf"[\s,.:;]*(?:\((?:eds?\.?|hrsg\.)\)[\s,.]*)?(?P<open>\()?(?P<year>{_YEAR}|n\.\s?d\.)(?P<letter>[a-z])?"
    r"(?(open)(?:,[^()]{0,20})?\))[.:,]?\s+",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\s,.:]*[\"“„‘«]\s?(?P<title>.{4,}?)[,.]?\s?[\"”“’»](?=[\s,.;:]|$)")
#: A full stop that ends a sentence: not one after an initial, nor after words that are cut short.
_INITIAL = re.compile(r"(?:^|[^a-z,]\s|[.(-])[A-Z]$")  #: but 'in R' may end a title
_SENTENCE_END = re.compile(
    r"(?<!\bvs)(?<!\bSt)(?<!\bNo)(?<!\bsp)(?<!\bvar)(?<!\bcf)(?<!\be\.g)[.?!][\"”]?\s+(?=[A-ZÀ-Ž\d\"“(\[]|In\b|in:|arXiv|doi|https?:|bioRxiv|e[A-Z])"
)
_JOURNAL_TAIL = re.compile(r"^(?P<container>[A-ZÀ-Ž][^,()]*?[^\s,\d])\s+(?:[A-Z]\s?)?(?P<volume>[A-Z]?\d{1,4})\b")
_NUMBERS = re.compile(
    rf"(?:{_YEAR}[^\d;,]{{0,9}}[;,]\s*)?(?:\b[Vv]ol(?:ume|\.)?\s*)?(?P<volume>\b[A-Z]?\d{{1,4}})(?!\d)"
    rf"(?:\s*\((?!{_YEAR}\))(?P<issue>[^)]{{1,14}})\)|\.(?P<part>\d{{1,3}})\b|,\s*(?:[Nn]o|[Ii]ssue)\.?\s*(?P<number>\d+))?"
    rf"\s*(?:\((?:[A-Z][a-z]+\.?\s)?{_YEAR}\))?\s*[,:]?\s*(?:pp?\.?|pages?|S\.)?\s*"
    r"(?P<pages>[A-Za-z]{0,2}\d{1,9}(?:\s?[-–]+\s?[A-Za-z]{0,2}\d{1,7})?)(?![\w(])"
)
#: What follows the year in a list without titles: 'Numer. Linear Algebra Appl., 22, 1102'.
_JOURNAL_ALONE = re.compile(r"[A-ZÀ-Ž][^,()]{1,90},\s*(?:Vol\.\s*)?\d{1,4},\s*(?:No\.\s*\d+|[A-Z]{0,2}\d+\b)")
_NO_TITLE = re.compile(r"arxiv\b|in\s|and\s|https?:|\W*\d*\W*$", re.IGNORECASE)
_NO_CONTAINER = re.compile(
    r"https?|doi|pmid|pubmed|available|accessed|retrieved|url|issn|isbn|mr \d|epub|crossref|last|technical report|version|preprint$|"
    r"(?:ph\.?d|master)",
    re.IGNORECASE,
)
_AUTHOR_YEAR = re.compile(rf"[\s,.:;]*\(?{_YEAR}")
SHORTEST_TITLE, LONGEST_TITLE, LONGEST_CONTAINER = 4, 400, 160  #: signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The parts of one entry; what it does not say in a shape that we know is None."""

    authors: tuple[str, ...] = ()  #: 'Family, Given', in their order
    year: int | None = None
    letter: str = ""  #: of '2019a'
    title: str | None = None
    container: str | None = None
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None
    doi: str | None = None
    arxiv_id: str | None = None
    url: str | None = None

    @property
    def label(self) -> str:
        """'Smith 2019a', as the text would cite it."""
        family = family_of(self.authors[0]) if self.authors else ""
        return f"{family} {self.year or ''}{self.letter}".strip()


def has_year(text: str) -> bool:
    """Whether an entry says when, or that it does not know."""
    return bool(_ANY_YEAR.search(text) or _UNDATED.search(text))


def opens_entry(text: str) -> bool:
    """Whether this begins as an entry does: with names, then more."""
    names, end = read_names(text)
    return bool(names) and end < len(text) and bool(re.match(r"[\s,.:;(]", text[end:]) or text[end - 1] in ". ")


def opens_dated(text: str) -> bool:
    """Whether this begins with names and then their year: in running text hardly anything else does."""
    names, end = read_names(text)
    return bool(names) and "," in names[0] and bool(_LEADING_YEAR.match(text, end))


def read_fields(text: str, *, family_first: bool = False) -> Fields:
    """The fields of one entry, its number left out."""
    doi = next((doi for doi, _, _ in dois_in(text)), None)
    arxiv_id = arxiv_in(text)
    urls = [url for url in urls_in(text) if "doi.org/" not in url]
    plain = _without_addresses(text)
    authors, end = read_names(plain, family_first=family_first)
    year, letter = _year(plain, end)
    title, rest = _title(plain[end:], is_named=bool(authors))
    more, rest = _rest_of_title(rest)
    if title and more:
        title = _tidy(f"{title}. {more}")
    container, volume, issue, pages = _where(rest)
    if not container and arxiv_id and re.search(r"arxiv|corr\b", rest, re.IGNORECASE):
        container = "arXiv"
    return Fields(
        authors=authors,
        year=year,
        letter=letter,
        title=title,
        container=container,
        volume=volume,
        issue=issue,
        pages=pages,
        doi=doi,
        arxiv_id=arxiv_id,
        url=urls[0] if urls else None,
    )


_ADDRESSES = re.compile(
    r"\b(?:https?\s?:\s?/\s?/|doi\s?:|doi\.org|url\s?:|eprint\s?:|issn\s?:|isbn\s?:|PMID\s?:|PubMed PMID|PMCID|MR\s\d{6}|\[CrossRef\]|"
    r"\[PubMed\]|Available (?:online|from|at)|Accessed|Retrieved).*$|\[(?:CrossRef|PubMed|Google Scholar)\]",
    re.IGNORECASE,
)


def _without_addresses(text: str) -> str:
    """The entry up to its identifiers and addresses; where these stand before the year, the year is kept."""
    found = _ADDRESSES.search(text)
    if not found:
        return text
    year = re.search(rf"\(({_YEAR})[a-z]?\)\.?$", text[found.start() :])
    return text[: found.start()].rstrip() + (f" {year.group()}" if year else "")


def _year(text: str, after: int) -> tuple[int | None, str]:
    """The year: straight after the authors, else in brackets, else before a volume, else the last that stands anywhere."""
    leading = _LEADING_YEAR.match(text, after) or _LEADING_YEAR.match(text + " ", after)
    if leading:
        return (int(leading["year"]) if leading["year"].isdecimal() else None), leading["letter"] or ""
    for pattern in (_IN_BRACKETS, _BEFORE_VOLUME, _ANY_YEAR):
        if found := list(pattern.finditer(text, after)):
            return int(found[-1][1]), found[-1]["letter"] or ""
    return None, ""


def _title(text: str, *, is_named: bool) -> tuple[str | None, str]:
    """The title after the authors, and what follows it."""
    text, is_dated = _after_year(text)
    if quoted := _QUOTED.match(text):
        return _tidy(quoted["title"]), text[quoted.end() :]
    is_sentence = is_dated or not is_named or not re.match(r"\s*,", text)
    body = text.lstrip(" ,.:;")
    if is_sentence:
        return _sentence(body, is_dated=is_dated)
    return _between_commas(body)


def _after_year(text: str) -> tuple[str, bool]:
    leading = _LEADING_YEAR.match(text)
    return (text[leading.end() :], True) if leading else (text, False)


def _sentence(body: str, *, is_dated: bool) -> tuple[str | None, str]:
    if is_dated and _JOURNAL_TAIL.match(body) and len(re.split(r"[.?!]\s", body)) < 2 and re.match(r"[^.]{0,90},\s\d+,", body):
        return None, body  # 'Monthly Notices of the Royal Astronomical Society, 359, 567'
    if is_dated and _JOURNAL_ALONE.match(body):
        return None, body
    for end in _SENTENCE_END.finditer(body):
        if end.start() >= SHORTEST_TITLE and not _INITIAL.search(body[: end.start()]):
            return _tidy(body[: end.start() + 1]), body[end.end() :]
    book = re.match(rf"(?P<title>[^()]{{{SHORTEST_TITLE},}}?)\s*\((?P<rest>[^()]*{_YEAR})\)", body)
    if book:
        return _tidy(book["title"]), ""
    if is_dated and re.search(r"\s\(?\d[\d(),:\s-]*\.?$", body):
        # A journal alone is set off from its volume; else title and journal stand in one stretch, told apart by their type alone.
        return None, body if re.search(r",\s*\d+,\s*\w+\.?$", body) else ""
    dated = re.match(rf"(?P<title>.{{{SHORTEST_TITLE},}}?)[,.]\s*{_YEAR}[a-z]?\.?$", body)
    return _tidy(dated["title"] if dated else body), ""


def _between_commas(body: str) -> tuple[str | None, str]:
    """'Title, with commas perhaps, Journal 12, 34 (2000)', or the same without a title."""
    if _JOURNAL_TAIL.match(body) and re.match(rf"[^,]{{2,60}}?\s\d+\s*(?:,|\({_YEAR}\))", body):
        return None, body
    parts = re.split(r",\s+", body)
    for n in range(1, len(parts)):
        if _JOURNAL_TAIL.match(parts[n]) or re.match(r"(?:in[: ]|arXiv)", parts[n]):
            return _tidy(", ".join(parts[:n])), ", ".join(parts[n:])
    book = re.match(rf"(?P<title>[^()]{{{SHORTEST_TITLE},}}?)\s*\((?P<rest>[^()]*)\)", parts[0])
    first = book["title"] if book else parts[0]
    return _tidy(first), ", ".join(parts[1:])


def _tidy(title: str) -> str | None:
    """The title without what frames it; None where it is too short or too long to be one."""
    title = re.sub(rf"\s*\(?\b{_YEAR}\)?\.?$", "", " ".join(title.split())).strip(' ,.;:"“”')
    title = re.sub(r"\s\((?:\d+\w\w ed|[Vv]ersion|R package|[Ee]d(?:ition|s)?\b)[^()]*\)$", "", title)
    is_title = SHORTEST_TITLE <= len(title) <= LONGEST_TITLE and re.search(r"[^\W\d_]{3}", title) and not _NO_TITLE.match(title)
    return title if is_title else None


#: A word that is no abbreviation ends a sentence of the title, which had several.
_TITLE_GOES_ON = re.compile(r"(?P<more>[A-ZÀ-Ž][^\d.;()]{12,200}[a-z]{5})[.?]\s+(?=[A-ZÀ-Ž][\w. &:-]{1,80}[.,]?\s*(?:\d|\())")


def _rest_of_title(rest: str) -> tuple[str, str]:
    """(what still belongs to the title, the rest)."""
    found = _TITLE_GOES_ON.match(rest) if not re.match(r"(?:In|Proceedings)\b", rest) else None
    return (found["more"], rest[found.end() :]) if found else ("", rest)


def _where(rest: str) -> tuple[str | None, str | None, str | None, str | None]:
    """Journal or book, volume, issue, pages, from what follows the title."""
    rest = re.sub(r"^[\s,.;:]*(?:In\b:?\s*|in:\s*)?(?:Ed(?:s|ited)?\.?\s(?:by\s)?[^.]{0,200}\.\s)?", "", rest)
    found = re.match(
        r"(?P<container>[A-ZÀ-Ž][^\d,;:(\[]{1,160}?)(?:[.,;:]|\s(?=[Vv]ol\b))?\s*(?=[\d,;:(\[]|$|[Vv]ol\b|pp\.|pages\b)", rest
    )
    if re.match(r"(?:Proceedings|Advances|Annual|International|[\w ]{0,20}(?:Conference|Workshop|Symposium))\b", rest):
        found = re.match(r"(?P<container>[A-ZÀ-Ž][^,.;:(]{3,160}?)(?=[,.;:(]|$)", rest) or found
    container = " ".join(found["container"].split()).strip(" ,;") if found else None
    if container and (_NO_CONTAINER.match(container) or len(container) > LONGEST_CONTAINER):
        container = None
    if not (found and container):
        return None, None, None, None
    if "arxiv" in container.lower():
        return "arXiv", None, None, None
    after = rest[found.end("container") :]
    if re.match(r"[^\d.]*:\s*[A-Z]", after) and not re.match(r":\s*[A-Z]?\d", after):
        return None, None, None, None  # 'New York: Dekker' is a place and a publisher
    if after.startswith(".") and "." in container:
        container += "."  # of an abbreviation, as the others are
    numbers = _NUMBERS.match(after.lstrip(" .,;:"))
    if not numbers:
        return container, None, None, None
    issue = numbers["issue"] or numbers["part"] or numbers["number"]
    return container, numbers["volume"], issue, numbers["pages"].replace(" ", "")
