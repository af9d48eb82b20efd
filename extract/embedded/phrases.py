"""Noun phrases without a tagger: runs of words between those that cannot stand in one.

Function words, common verbs and punctuation end a phrase. This is rough, and it is enough to name what a number belongs to;
where a phrase would be a pronoun, a lone adjective or longer than eight words, there is none.
"""

from __future__ import annotations

import re

from extract.embedded.words import listed

Span = tuple[int, int]

_VERBS = listed(
    """
    is are was were be been being has have had having do does did can could may might must shall should will would let show
    shows showed shown showing find finds found observe observed observes measure measured measures obtain obtained obtains
    give gives gave given giving yield yields yielded yielding reach reaches reached reaching increase increases increased
    increasing decrease decreases decreased decreasing reduce reduced reduces rise rises rose risen fall falls fell fallen
    drop drops dropped contain contains contained containing include includes included including use uses used using require
    requires required report reports reported reporting exhibit exhibits exhibited display displays displayed remain remains
    remained become becomes became equal equals exceed exceeds exceeded correspond corresponds corresponding corresponded
    ranges ranged ranging vary varies varied varying estimate estimated estimates calculate calculated calculates compute
    computed determine determined set sets keep kept maintain maintained perform performed performs conduct conducted carry
    carried take takes took taken make makes made consist consists consisted comprise comprises comprised comprising account
    accounts accounted represent represents represented indicate indicates indicated suggest suggests suggested reveal
    reveals revealed demonstrate demonstrates demonstrated achieve achieves achieved achieving apply applied applies add
    added adds dissolve dissolved dissolves mix mixed stir stirred heat heated cool cooled dry dried wash washed incubate
    incubated store stored place placed collect collected extract extracted purify purified centrifuge centrifuged anneal
    annealed sinter sintered treat treated expose exposed follow follows followed compare compared provide provides provided
    produce produces produced occur occurs occurred lie lies lay weigh weighs weighed cost costs last lasts lasted lasting
    need needs needed allow allows allowed recruit recruited enrol enrolled assess assessed evaluate evaluated tested
    analyse analysed analyze analyzed see seen get got know known supplement supplemented operate operated processed lead
    leads led cause causes caused change changes changed
    """
)
_FUNCTION = listed(
    """
    following post prior the a an this that these those its their our his her my your it they we he she i you who whom
    which what whose there
    here and or but nor yet so than then as if while when where whereas because since although though unless until after
    before during for from to in on at by with without within into onto over under between among through across along
    against toward towards about around above below near up down out off per via versus vs not no only also very too just
    even still however therefore thus hence moreover furthermore respectively approximately roughly nearly almost both
    either neither each every all any some such other another more most less least much many few several one two three
    respectively i.e e.g ie eg et al i ii iii significantly typically usually generally mainly mostly often always never
    well being having due respect according based
    """
)
#: Words that name nothing.
FUNCTION = frozenset(_FUNCTION)
_BARRIER = frozenset([*_VERBS, *_FUNCTION])
_DETERMINERS = frozenset(
    listed(
        """
    the a an this that these those its their our each every all both any some
    """
    )
)
_EMPTY = frozenset(
    listed(
        """
        value values result results data case cases order level levels range study work paper figure table section example
        time times mean average median total maximum minimum number amount one ones it which same different high higher low
        lower large larger small smaller good better first second last new respectively followed least order addition
        contrast comparison fact general prior previous present old earlier later ago apart type group groups latter former
        particular detail part way end end side top bottom minimum rest lot kind use aim goal order purpose
        """
    )
)
_TOKEN = re.compile(r"[A-Za-zα-ωΑ-ΩÀ-ž0-9][\wα-ωΑ-ΩÀ-ž’'+/⁺⁻-]*(?:\((?:[A-Za-z0-9]{1,4})\)[\w-]*)?")
_GAP = re.compile(r"[ \u00a0\n]{1,2}|-")


def phrase_before(text: str, end: int, floor: int = 0) -> Span | None:
    """The noun phrase that ends at `end`, white space aside; 'X of Y' is one phrase. Not before `floor`."""
    tokens = [match.span() for match in _TOKEN.finditer(text, max(floor, end - 110), end)]
    if not tokens or not _is_gap(text, tokens[-1][1], end):
        return None
    first = len(tokens)
    while first and _joins(text, tokens, first) and _is_noun_part(text, tokens[first - 1], is_of_ok=first < len(tokens)):
        first -= 1
    return _cleaned(text, tokens[first:])


def phrase_after(text: str, start: int, ceiling: int | None = None) -> Span | None:
    """The noun phrase that begins at `start`, white space and an article aside; it stops before 'of'."""
    ceiling = len(text) if ceiling is None else ceiling
    tokens = [match.span() for match in _TOKEN.finditer(text, start, min(ceiling, start + 110))]
    if not tokens or not _is_gap(text, start, tokens[0][0]):
        return None
    if text[slice(*tokens[0])].lower() in _DETERMINERS:
        tokens = tokens[1:]
    last = 0
    while last < len(tokens) and (not last or _is_gap(text, tokens[last - 1][1], tokens[last][0])):
        if not _is_noun_part(text, tokens[last], is_of_ok=False):
            break
        last += 1
    return _cleaned(text, _without_tail(text, tokens[:last]))


def _without_tail(text: str, tokens: list[Span]) -> list[Span]:
    """The phrase without the participle or the adverb of place that goes on from it: 'leaf punches (floated)'."""
    while tokens and (
        text[slice(*tokens[-1])].lower().endswith(("ed", "ing", "ly")) or text[slice(*tokens[-1])].lower() in _TAILS
    ):
        tokens = tokens[:-1]
    return tokens


_TAILS = frozenset(
    listed(
        """
    downstream upstream outward inward away thereof together apart long wide thick deep high tall old more less each daily
    """
    )
)


def _is_gap(text: str, start: int, end: int) -> bool:
    return start == end or bool(_GAP.fullmatch(text[start:end]))


def _joins(text: str, tokens: list[Span], first: int) -> bool:
    return first == len(tokens) or _is_gap(text, tokens[first - 1][1], tokens[first][0])


def _is_noun_part(text: str, token: Span, *, is_of_ok: bool) -> bool:
    word = text[slice(*token)]
    if word.lower() in ("of", "the") and is_of_ok:
        return True
    return word.lower() != "of" and word.lower() not in _BARRIER and not word[0].isdigit()


def _cleaned(text: str, tokens: list[Span]) -> Span | None:
    """The phrase without articles and 'of' at its ends; None where nothing that names a thing is left."""
    while tokens and text[slice(*tokens[0])].lower() in ("of", *_DETERMINERS):
        tokens = tokens[1:]
    while tokens and text[slice(*tokens[-1])].lower() in ("of", *_DETERMINERS):
        tokens = tokens[:-1]
    words = [text[slice(*token)].lower() for token in tokens]
    if not words or len(words) > 7 or all(word in _EMPTY or word in _BARRIER for word in words):
        return None
    if len(words) == 1 and (words[0].endswith("ly") or (len(words[0]) == 1 and not text[tokens[0][0]].isalpha())):
        return None
    return tokens[0][0], tokens[-1][1]
