"""DOIs, arXiv ids and addresses in text: the paper's own, and those of the papers it cites.

A line that ends within a DOI leaves a space in it ('10.1073/pnas. 2322520121'), and some styles print one around each full stop. What
follows a space belongs to the DOI only where it could be nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

LONGEST_DOI, LONGEST_ADDRESS = 200, 1000  #: signs after which no space is closed any more
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


#: A DOI's beginning, wherever a line may have ended in it.
_LOOSE_DOI = re.compile(r"\b10\s?\.\s?\d{4,9}(?:\s?\.\s?\d+)?\s?/\s?(?=[\w(])")
#: The same after words that announce one: then a line may have ended in its number too.
_ANNOUNCED_DOI = re.compile(
    r"(?:doi\s?\.\s?org\s?/\s?|\bdoi\s?:\s?)(?P<prefix>1\s?0\s?\.\s?(?:\d\s?){4,9}/)\s?(?=[\w(])", re.IGNORECASE
)
_NO_SPACE = re.compile(r"[^\s\"'<>{}|\\^`,，]+")
_ENDS_HERE = re.compile(r"\s*(?:\((?:19|20)\d{2}\))?\.?\s*$")
_BARE_YEAR = re.compile(r"(?:19|20)\d{2}[.,;)]*$")
_LOOSE_ADDRESS = re.compile(r"\bhttps?\s?:\s?/\s?/\s?", re.IGNORECASE)
_ARXIV_NEW = re.compile(
    r"(?:arxiv(?:\.org)?\s?[:./]?\s?(?:abs|pdf)?[/:]?\s?|\babs/)(?:arxiv:\s?)?(?P<id>\d{4}\.\s?\d{4,5})(?!\d)", re.IGNORECASE
)
_ARXIV_OLD = re.compile(
    r"(?<![\w.])(?P<id>(?:hep-(?:ph|th|ex|lat)|astro-ph|cond-mat|gr-qc|quant-ph|nucl-(?:th|ex)|math-ph|math|physics|cs|q-bio|nlin|"
    r"q-alg|alg-geom|dg-ga|solv-int|chao-dyn|stat)(?:\.[A-Z]{2})?/\d{7})(?!\d)"
)


def dois_in(text: str) -> list[tuple[str, int, int]]:
    """Each DOI of an entry in lower case, with where it begins and ends; spaces that a line's end left in it are closed."""
    found = []
    announced = {match.start("prefix"): match for match in _ANNOUNCED_DOI.finditer(text)}
    prefixes = {match.start(): match.group() for match in _LOOSE_DOI.finditer(text)}
    for at in sorted(announced.keys() | prefixes.keys()):
        prefix = announced[at]["prefix"] if at in announced else prefixes[at]
        suffix, end = _suffix(text, at + len(prefix), is_announced=at in announced)
        doi = _trimmed(re.sub(r"\s", "", prefix) + suffix)
        if re.search(r"/.*\w", doi):
            found.append((doi, at, end))
    return found


def _suffix(text: str, at: int, *, is_announced: bool) -> tuple[str, int]:
    """What stands after the slash, over the spaces that can only be a line's end."""
    suffix, at = "", at + (text[at : at + 1] == " ")
    while token := _NO_SPACE.match(text, at):
        suffix, at = suffix + token.group(), token.end()
        following = re.match(r"\s([^\s\"'<>{}|\\^`,，]+)", text[at : at + 80])
        if (
            not following
            or len(suffix) > LONGEST_DOI
            or not _runs_on(suffix, following[1], is_last=is_announced and _ENDS_HERE.match(text, at + following.end()))
        ):
            break
        at += 1
    return suffix, at


def _runs_on(suffix: str, token: str, *, is_last: object) -> bool:
    """Whether this token, after a space, is more of the DOI."""
    if (
        re.match(r"10\.\d{4}", token)
        or _BARE_YEAR.fullmatch(token.strip("("))
        or re.match(r"https?:|doi|url|pmid|pmc\d?|epub|issn|isbn|\(\d{4}|\[", token, re.IGNORECASE)
    ):
        return False
    if is_last and suffix[-1] not in ";," and re.search(r"\d", token) and re.fullmatch(r"[\w().;:/-]+", token):
        return True  # a line may end anywhere in a DOI: told from a new sentence only where nothing follows
    if suffix[-1] in "-/_":
        return bool(re.match(r"[\w(]", token))
    if suffix[-1] == "." or token == ".":
        return token == "." or bool(re.match(r"\d[\w.()/;-]*$|[a-z]{1,12}\.\d", token))
    if token[0] in "-/._" and len(token) > 1:
        return bool(re.match(r"[-/._]\w", token))
    return False


def arxiv_in(text: str) -> str | None:
    """The first arXiv id of an entry, without its version."""
    if found := _ARXIV_NEW.search(text):
        return re.sub(r"\s", "", found["id"])
    old = _ARXIV_OLD.search(text)
    return old["id"] if old else None


def urls_in(text: str) -> list[str]:
    """The addresses of an entry, closed over the spaces that a line's end left in them."""
    found = []
    for match in _LOOSE_ADDRESS.finditer(text):
        address, at = "", match.end()
        while token := re.match(r"[^\s<>\"{}|\\^`]+", text[at:]):
            address, at = address + token.group(), at + token.end()
            following = re.match(r"\s([^\s<>\"]+)", text[at : at + 200])
            if not following or len(address) > LONGEST_ADDRESS or not _address_runs_on(address, following[1]):
                break
            at += 1
        address = re.sub(r"[.,;:]+$", "", address)
        while address and address[-1] in ")]" and _is_unopened(address):
            address = address[:-1].rstrip(".,;")
        if "." in address:
            found.append(f"{'https' if match.group()[4:5].lower() == 's' else 'http'}://{address}")
    return found


def _address_runs_on(address: str, token: str) -> bool:
    if token.lower().startswith("http"):
        return False
    if address[-1] in "/-_=?&%~" or (
        address[-1] == "." and re.match(r"(?:com|org|net|edu|gov|io|html?|pdf|[a-z]{2})(?:/|$)", token)
    ):
        return bool(re.match(r"[\w(%]", token)) and not re.match(r"(?:19|20)\d{2}\b|\(", token)
    return token[0] in "/=?&_" and len(token) > 1


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
