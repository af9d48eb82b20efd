"""Find the steps of a procedure: what was done ('was calcined', 'by stirring'), on what, and how much, how hot, how long.

A step is a verb of the laboratory, or any verb in the passive that does not measure or say ('was observed'). What belongs to it stands
in its own stretch of the sentence: from the step before it to the step after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from extract.embedded.chemical_names import chemical_names
from extract.embedded.formulas import formulas
from extract.embedded.quantities import Quantity
from extract.embedded.sentences import Sentence
from extract.embedded.view import UnitView
from extract.embedded.words import listed

Span = tuple[int, int]

#: Verbs of the laboratory without their endings.
_STEMS = listed(
    """
    add mix stir dissolv heat cool dri dry wash rins filter filtrat calcin anneal sinter mill press compact pelleti[sz] deposit coat
    evaporat reflux centrifug sonicat ultrasonicat dispers redispers suspend dilut precipitat crystalli[sz] recrystalli[sz] purifi extract
    separat collect isolat transfer pour drop inject seal evacuat purg degas immers soak dip impregnat load treat react reduc oxidi[sz]
    hydroly[sz] carboni[sz] pyroly[sz] quench etch polish clean blend crush grind sieve weigh adjust neutrali[sz] titrat ag incubat
    autoclav polymeri[sz] cur cast spin-coat anodi[sz] electrospun electrospin sputter exfoliat dialy[sz] decant distil distill lyophili[sz]
    freeze-dri prepar synthesi[sz] fabricat obtain produc form grow keep hold maintain remov place put charg introduc combin homogeni[sz]
    vacuum melt fir bak irradiat purchas suppli procur
    """
)
_IRREGULAR = "ground|kept|held|grown|put|made|taken|left|cut|fed|spun|frozen|cast|bought|allowed"
_HOW = "(?:(?:re|pre|co|ball[- ]|hot[- ]|heat[- ]|freeze[- ]|vacuum[- ]|spin[- ]|suction[- ]|ultra|hydro)?"
_STEM = f"(?:{'|'.join(_STEMS)})"
_DONE = rf"(?:{_HOW}{_STEM})(?:[bdgmnprt]?ed|ied|d)|{_IRREGULAR}|carried out)"
_DOING = (
    rf"(?:{_HOW}{_STEM})(?:[bdgmnprt]?ing|ying|y?ation|ication|ution|sion)|"
    r"centrifugation|filtration|dissolution|dispersion|addition|purification|sonication|ultrasonication|distillation|evaporation)"
)
_ADVERBS = r"(?:(?:\w+ly|then|further|first|also|again|next|slowly)\s){0,2}"
_PASSIVE = re.compile(rf"\b(?:was|were)\s{_ADVERBS}(?P<verb>(?:[a-z]+-)?[a-z]{{3,}}ed)(?!\w)")
_VERB = re.compile(
    rf"(?<![\w-])(?P<verb>{_DOING}|{_DONE}|(?<=to )(?:{_STEM})(?:e|y)?)(?!\w|-|\s(?:and deioni[sz]ed )?water)", re.I
)
_TOLD = frozenset(
    listed(
        """
        observed measured recorded investigated studied characterized characterised analyzed analysed determined calculated estimated
        evaluated detected compared reported described shown attributed assigned named considered expected supposed required based
        examined tested confirmed identified
        """
    )
)
#: Matter that a procedure names by its state only.
_STATE = re.compile(
    r"(?<![\w-])(?:solutions?|mixtures?|suspensions?|precipitates?|slurr(?:y|ies)|powders?|products?|samples?|gels?|precursors?|filtrate|"
    r"residues?|solids?|pellets?|chemicals|reagents|materials|solvents?|alcohol|crystals|air|films?)(?!\w)"
)
_ABBREVIATION = re.compile(r"(?<![\w-])[A-Z][A-Za-z]{0,3}[A-Z][A-Za-z0-9-]{0,8}(?![\w])")


@dataclass(frozen=True)
class Step:
    """One step, with what stands in its stretch of the sentence."""

    verb: Span
    materials: tuple[Span, ...]
    quantities: tuple[Quantity, ...]


def operations(text: str) -> Iterator[Span]:
    """The verbs of the steps in this text, in order."""
    found = {match.span("verb") for match in _VERB.finditer(text)}
    found |= {match.span("verb") for match in _PASSIVE.finditer(text) if match["verb"].lower() not in _TOLD}
    end = 0
    for start, stop in sorted(found, key=lambda span: (span[0], -span[1])):
        if start >= end:
            yield start, stop
            end = stop


def matter(text: str) -> list[Span]:
    """What steps are done on and with: formulas, names, abbreviations, and matter named by its state, the longest of those that overlap."""
    found = [*formulas(text), *chemical_names(text)]
    found += [match.span() for pattern in (_STATE, _ABBREVIATION) for match in pattern.finditer(text)]
    kept: list[Span] = []
    for span in sorted(found, key=lambda one: (one[0] - one[1], one[0])):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


def steps(view: UnitView) -> Iterator[tuple[Sentence, Step]]:
    """The steps of the unit in order; spans are of the chunk's text."""
    for sentence in view.sentences:
        verbs = list(operations(sentence.text))
        named = matter(sentence.text)
        measured = view.quantities.get(sentence, [])
        for i, verb in enumerate(verbs):
            before = verbs[i - 1][1] if i else 0
            after = verbs[i + 1][0] if i + 1 < len(verbs) else len(sentence.text)
            floor = before if not i else _middle(sentence.text, before, verb[0])
            ceiling = after if i + 1 == len(verbs) else _middle(sentence.text, verb[1], after)
            yield (
                sentence,
                Step(
                    _moved(verb, sentence.start),
                    tuple(_moved(span, sentence.start) for span in named if floor <= span[0] and span[1] <= ceiling),
                    tuple(q for q in measured if floor <= q.start - sentence.start and q.end - sentence.start <= ceiling),
                ),
            )


def _middle(text: str, start: int, end: int) -> int:
    """Where the words of one step end and those of the next begin: at the last comma, 'and' or 'then' between them, else at the next."""
    cuts = list(re.finditer(r"[,;]\s|\s(?:and|then|followed by|before|after)\s", text[start:end]))
    return start + cuts[-1].start() if cuts else end


def _moved(span: Span, by: int) -> Span:
    return span[0] + by, span[1] + by
