r"""LaTeX sources as one text that Docling can read: parts put in their places, comments out, the author's own short macros
written out.

A newcomer would give Docling the folder and let it follow \input. A paper that names ../../etc/passwd is a hostile one, so
nothing here opens a file: parts come from the archive that was unpacked in memory, by name. What is named and not there is
said in a warning. No macro is run: one without arguments is replaced by its text, a few times over, up to a length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from errors import Damaged, TooLarge

MAX_CHARS = 8 << 20  #: of the whole paper, so that parts which hold each other end
_MAX_DEPTH = 20  #: of parts within parts
_ROUNDS = 4  #: of macros within macros

_VERBATIM = re.compile(r"\\begin\s*\{(verbatim\*?|lstlisting|minted|comment)\}.*?\\end\s*\{\1\}", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*(?=\S))?")
_PART = re.compile(r"\\(?:input|include|subfile)\s*(?:\{([^{}\n]+)\}|[ \t]+([\w./-]+))")
_IMPORT = re.compile(r"\\(?:sub)?import\*?\s*\{([^{}\n]*)\}\s*\{([^{}\n]+)\}")
_BIBLIOGRAPHY = re.compile(r"\\(?:bibliography\s*\{[^{}]*\}|printbibliography(?:\[[^\]]*\])?)")
_MACRO = re.compile(
    r"\\(?:(?:re)?newcommand\*?\s*\{?\s*\\([A-Za-z]+)\s*\}?(?!\s*\[)|providecommand\*?\s*\{?\s*\\([A-Za-z]+)\s*\}?(?!\s*\[)|"
    r"def\s*\\([A-Za-z]+)(?=\s*\{))\s*\{"
)
#: Macros that only move things about: without them a name like \model\xspace is the name.
_LAYOUT = re.compile(
    r"\\(?:xspace|looseness\s*=?\s*-?\d+|vspace\*?\s*\{[^{}]*\}|hspace\*?\s*\{[^{}]*\}|noindent|clearpage|newpage|pagebreak|"
    r"phantomsection|protect|sloppy|raggedright|centering)(?![A-Za-z])|"
    r"\\(?:begin|end)\s*\{(?:CJK\*?|spacing|sloppypar)\}(?:\s*\{[^{}]*\})*"
)
#: Thin spaces, as between a number and its unit, which Docling leaves out with what holds them apart.
_THIN = re.compile(r"(?<!\\)\\[,;:]")
#: A space that does not break, but for the accent and for addresses, which hold it as a sign.
_TIE = re.compile(r"(\\~|\\(?:url|href|path)\s*\{[^{}]*\})|~")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatexPaper:
    """One LaTeX text, and the parts that it names and that were not there."""

    text: str
    missing: tuple[str, ...]


def flatten(files: Mapping[str, bytes], name: str) -> LatexPaper:
    """The paper that these files make. Raises Damaged where none of them begins a document, TooLarge."""
    texts = {member: _without_comments(_decoded(data)) for member, data in files.items()}
    main = _main_of(texts, name)
    filling = _Filling(texts, name)
    whole = filling.whole(main)
    bbl = _bbl_of(main, texts)
    if bbl:
        whole = _BIBLIOGRAPHY.sub(lambda _: bbl, whole, count=1)
    return LatexPaper(text=_plain(_with_abstract_inside(whole)), missing=tuple(filling.missing))


def _with_abstract_inside(text: str) -> str:
    """Some classes take the abstract before the document begins, where nothing is read."""
    begin = re.search(r"\\begin\s*\{document\}", text)
    abstract = re.search(r"\\begin\s*\{abstract\}.*?\\end\s*\{abstract\}", text[: begin.start()], re.DOTALL) if begin else None
    if not begin or not abstract:
        return text
    head = text[: abstract.start()] + text[abstract.end() : begin.end()]
    return head + "\n\\maketitle\n" + abstract.group() + "\n" + text[begin.end() :]


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _without_comments(text: str) -> str:
    """The text without what TeX does not see; listings keep their percent signs."""
    parts, last = [], 0
    for found in _VERBATIM.finditer(text):
        kept = "" if found.group(1) == "comment" else found.group()
        parts += [_COMMENT.sub(r"\1", text[last : found.start()]), kept]
        last = found.end()
    return "".join([*parts, _COMMENT.sub(r"\1", text[last:])])


def _main_of(texts: Mapping[str, str], name: str) -> str:
    """The file that begins the document; where several do, the one that no other takes in, then the longest."""
    mains = [member for member, text in texts.items() if re.search(r"\\document(?:class|style)", text)]
    mains = [member for member in mains if re.search(r"\\begin\s*\{document\}", texts[member])] or mains
    mains = mains or (list(texts) if len(texts) == 1 else [])
    if not mains:
        raise Damaged(
            f"None of the {len(texts)} LaTeX files in {name} begins a document. Nothing was read. Add the main file too."
        )
    taken = {PurePosixPath(part).stem for text in texts.values() for pair in _PART.findall(text) for part in pair if part}
    return max(mains, key=lambda member: (PurePosixPath(member).stem not in taken, len(texts[member])))


class _Filling:
    """Puts parts in their places, and counts: ten files that each name the next ten times make ten thousand million."""

    def __init__(self, texts: Mapping[str, str], name: str) -> None:
        self._texts, self._name = texts, name
        self._chars = 0
        self.missing: dict[str, None] = {}

    def whole(self, member: str, within: tuple[str, ...] = ()) -> str:
        """The text of this file with its parts. One that would stand within itself is missing."""
        text, folder, inside = self._texts[member], PurePosixPath(member).parent, (*within, member)
        self._chars += len(text)
        if self._chars > MAX_CHARS or len(inside) > _MAX_DEPTH:
            raise TooLarge(
                f"The parts of {self._name} make more than {MAX_CHARS >> 20} MB, or lie within each other more than {_MAX_DEPTH} "
                "deep. Nothing was read. Add the main file alone."
            )
        text = _IMPORT.sub(lambda found: self._part(found.group(2), [folder / found.group(1)], inside), text)
        return _PART.sub(lambda found: self._part(found.group(1) or found.group(2), [folder], inside), text)

    def _part(self, wanted: str, folders: list[PurePosixPath], inside: tuple[str, ...]) -> str:
        self._chars += len(wanted)
        member = _member(wanted.strip(), [*folders, PurePosixPath(inside[0]).parent, PurePosixPath()], self._texts)
        if member is None or member in inside:
            self.missing[wanted.strip()] = None
            return ""
        return "\n" + self.whole(member, inside) + "\n"


def _member(wanted: str, folders: list[PurePosixPath], texts: Mapping[str, str]) -> str | None:
    """The file of the archive that a part is; never one of this machine."""
    for folder in folders:
        for candidate in (wanted, f"{wanted}.tex"):
            member = _normal(folder / candidate)
            if member in texts:
                return member
    return None


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", "..", "/"):
            parts.append(part)
    return "/".join(parts)


def _bbl_of(main: str, texts: Mapping[str, str]) -> str:
    """The reference list that BibTeX made, where the archive has it."""
    own = str(PurePosixPath(main).with_suffix(".bbl"))
    lists = [text for member, text in texts.items() if member.endswith(".bbl")]
    return texts.get(own) or (lists[0] if len(lists) == 1 else "")


def _plain(text: str) -> str:
    """The author's macros without arguments written out, and what only moves things about left out."""
    text, macros = _cut_macros(text)
    if macros:
        use = re.compile(
            r"\\(" + "|".join(sorted(map(re.escape, macros), key=len, reverse=True)) + r")(?![A-Za-z@])([ \t]*)(\{\})?"
        )
        for _ in range(_ROUNDS):
            written, n = use.subn(lambda found: _written_out(found, macros[found.group(1)]), text)
            if not n or len(written) > 2 * len(text) + (1 << 20):
                break
            text = written
    text = _THIN.sub(" ", text)
    return _TIE.sub(lambda found: found.group(1) or " ", _LAYOUT.sub("", text))


def _written_out(use: re.Match[str], body: str) -> str:
    """TeX takes the spaces after a macro's name; \\xspace, or {}, gives one back."""
    kept = use.group(2) if use.group(3) is None and r"\xspace" in body else ""
    body = body.replace(r"\xspace", "").strip()
    after = use.string[use.end() : use.end() + 1]
    is_word = bool(re.search(r"\\[A-Za-z]+$", body)) and after.isalpha()
    return body + (kept or (" " if is_word else ""))


def _cut_macros(text: str) -> tuple[str, dict[str, str]]:
    """The text without its definitions of macros that take no arguments, and these macros."""
    macros: dict[str, str] = {}
    kept, last = [], 0
    for found in _MACRO.finditer(text):
        if found.start() < last:
            continue
        end = _closing(text, found.end())
        body = text[found.end() : end]
        if end < 0 or "#" in body or len(body) > 1000:
            continue
        name = next(filter(None, found.groups()))
        if name in _NEVER:
            continue
        macros[name] = body
        kept.append(text[last : found.start()])
        last = end + 1
    return "".join([*kept, text[last:]]), {name: body for name, body in macros.items() if f"\\{name}" not in body}


#: What papers redefine and Docling knows by its name.
_NEVER = frozenset(
    {
        "section", "subsection", "subsubsection", "paragraph", "title", "author", "abstract", "cite", "citep", "citet", "ref",
        "label", "caption", "item", "footnote", "thefigure", "thetable", "thesection", "theequation", "arraystretch",
        "baselinestretch", "refname", "bibname", "abstractname", "figurename", "tablename", "maketitle", "bibliography", "and",
    }
)  # fmt: skip


def _closing(text: str, start: int) -> int:
    """Where the brace that is open at `start` closes; -1 where it does not within reason."""
    depth = 1
    for n in range(start, min(len(text), start + 5000)):
        if text[n] == "\\":
            continue
        if text[n] in "{}" and text[n - 1] != "\\":
            depth += 1 if text[n] == "{" else -1
            if depth == 0:
                return n
    return -1
