"""What a picture is, as far as the paper's words tell: a plot, an image, a diagram; and whether a formula's text is legible.

Only what is plain counts: a caption of one kind of picture and no panels, or the numbers of an axis inside the figure. Where
the words leave it open the picture may be anything, and it is the model with eyes that tells.
"""

from __future__ import annotations

import re

from extract.routing.needs import Sight
from records import Chunk, ChunkKind, UnitFigure
from settings import RoutingSettings

#: Words of a caption that say of what kind its picture is.
_SAYS = {
    Sight.PLOT: re.compile(
        r"\b(?:plot|plots|plotted|curves?|histograms?|(?:bar|line|pie) (?:chart|graph)s?|scatter|box ?plots?|heat ?maps?|error bars?|"
        r"kaplan|contours?|spectrograms?|as a function of|versus|vs)\b",
        re.IGNORECASE,
    ),
    Sight.IMAGE: re.compile(
        r"\b(?:micrographs?|photographs?|photos?|screenshots?|radiographs?|micrographies|snapshots?|scanning electron)\b",
        re.IGNORECASE,
    ),
    Sight.DIAGRAM: re.compile(
        r"\b(?:diagrams?|schematics?|flow ?charts?|workflows?|block diagrams?|architectures?|pipelines?|pathways?|sketch|sketches|"
        r"timelines?|circuits?|ecosystem|drawing)\b",
        re.IGNORECASE,
    ),
}
#: Words that leave it open: a picture whose caption has one may show that too.
_HINTS = {
    Sight.PLOT: re.compile(
        r"\b(?:survival|distributions?|over time|rates?|levels?|values?|percentages?|comparison|accuracy|performance|correlation|density|"
        r"frequenc\w+|dynamics|concentrations?|scores?|numbers? of|mean|median|trends?|estimates?|results?|scans?|errors?|evaluation|"
        r"fractions?|activity|axis|axes|dots?|lines?|spectr\w+|p ?[<=]|n ?=|±|activation|increase\w*|decrease\w*|effects?|"
        r"responses?)(?!\w)",
        re.IGNORECASE,
    ),
    Sight.IMAGE: re.compile(
        r"\b(?:images?|imaging|sem|tem|microscop\w+|stain\w*|blots?|gels?|fluorescen\w+|pictures?|maps?|mri|scale bars?|locali[sz]\w+|"
        r"samples?|tissues?|cells?|views?|representative|appearance|visuali[sz]\w+)\b",
        re.IGNORECASE,
    ),
    Sight.DIAGRAM: re.compile(
        r"\b(?:schemes?|frameworks?|overview|illustrat\w+|process|structures?|networks?|trees?|set-?up|models?|procedures?|mechanis\w+|"
        r"hierarch\w+|cycle|steps?|selection|attention|domains?|strategy|construct\w*|design|region|geometry)\b",
        re.IGNORECASE,
    ),
}
#: A panel's letter: '(a)', 'A)', 'a,' or 'B.' at the beginning of a sentence. Panels of one figure may be of every kind.
_PANEL = re.compile(
    r"(?:^|[\s.;:|(])(?:\(?[a-hA-H]\)|[b-hB-H][.,]?(?=\s+[A-Z])|\([a-h][-–,]\s?[a-h]\)|left|right|top|bottom|upper|lower)"
)
#: The same where it stands inside the figure, on a line of its own.
_LETTERED = re.compile(r"\(?[a-hA-H]\)?")
#: A line that is a number, as at the ticks of an axis.
_TICK = re.compile(r"[+−-]?\d+(?:[.,]\d+)?(?:\s+[+−-]?\d+(?:[.,]\d+)?)*%?")
_TICKS = 6

_LETTER = re.compile(r"[^\W\d_]")
_RELATION = re.compile(r"[=<>≤≥≈∼≡∝→≔:∈]")
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))
#: Signs that are left when a formula fell apart: halves of tall brackets, letters of a symbol font, an index on nothing.
_BROKEN = re.compile("[\ue000-\uf8ff⎛-⎳]|[∣|]{3}|[_^]\\{?[·+−=]|̂̂")


def looks_of(chunk: Chunk) -> Sight | None:
    """What the picture of this chunk can only be, by its caption and the words inside it; None where that is open."""
    lines = chunk.text.split("\n")
    caption = lines[0] if chunk.features.has_caption else ""
    letters = {line.strip(" ()").lower() for line in lines[1:] if _LETTERED.fullmatch(line.strip())}
    if not caption or _PANEL.search(caption) or {"a", "b"} <= letters:
        return None
    said = [sight for sight, words in _SAYS.items() if words.search(caption)]
    if sum(bool(_TICK.fullmatch(line.strip())) for line in lines[1:]) >= _TICKS:
        said = list({Sight.PLOT, *said})
    if len(said) != 1:
        return None
    return None if any(words.search(caption) for sight, words in _HINTS.items() if sight is not said[0]) else said[0]


def is_legible(figure: UnitFigure, chunk: Chunk, routing: RoutingSettings) -> bool:
    """Whether the text of this formula says what is printed: one line, whole, with all its brackets."""
    box = figure.crop.box
    if chunk.kind is not ChunkKind.FORMULA or box is None or box.top - box.bottom > routing.formula_line_pt:
        return False
    text = chunk.text
    is_whole = len(_LETTER.findall(text)) >= 2 and bool(_RELATION.search(text)) and not _BROKEN.search(text)
    return is_whole and all(text.count(left) == text.count(right) for left, right in _PAIRS)
