"""Say which sentences claim something, by the words with which authors claim.

A claim is a sentence in which the authors say what they found, did or conclude. Sentences about other people's work carry a
citation, sentences about the paper itself point at its parts; both are weak candidates. `claim_span` cuts the lead
('We found that') and the trailing citation off: what is left is still a span of the paper.
"""

from __future__ import annotations

import re

Span = tuple[int, int]

_VERB = (
    r"(?:find|found|show|shows|showed|shown|demonstrate[sd]?|observe[sd]?|report(?:s|ed)?|conclude[sd]?|"
    r"propose[sd]?|present(?:s|ed)?|"
    r"identif(?:y|ies|ied)|establish(?:es|ed)?|confirm(?:s|ed)?|reveal(?:s|ed)?|suggest(?:s|ed)?|indicate[sd]?|"
    r"impl(?:y|ies|ied)|"
    r"prove[sd]?|argue[sd]?|discover(?:ed)?|detect(?:ed)?|estimate[sd]?|introduce[sd]?|develop(?:ed)?|"
    r"hypothesi[sz]ed?|predict(?:s|ed)?)"
)
_CUES = [
    (3.0, rf"\b(?:we|our (?:results?|data|findings?|analys[ei]s|experiments?|simulations?|study|work|model|method|"
    rf"approach))\s(?:\w+ly\s|also\s|have\s|then\s|first\s){{0,2}}{_VERB}\b"),
    (3.0, rf"\b(?:these|the|this|both|all)\s(?:\w+\s){{0,2}}(?:results?|data|findings?|analys[ei]s|experiments?|"
    rf"simulations?|observations?|study|paper|evidence)\s(?:\w+ly\s|also\s|further\s|thus\s)?{_VERB}\b"),
    (2.5, r"\b(?:in conclusion|in summary|to conclude|taken together|overall,|we conclude|consequently,)"),
    (2.0, r"\b(?:significantly|statistically significant|significant (?:\w+ )?(?:differ|effect|increas|decreas|"
    r"reduc|improv|associat|correlat|interact)\w*|outperform\w*|state[- ]of[- ]the[- ]art|superior|correlat\w+|"
    r"associated with|p\s?[<=>]\s?0?\.\d)"),
    (1.5, r"\b(?:increas|decreas|reduc|improv|enhanc|declin|lower|higher|greater|faster|larger|smaller|fewer|better|"
    r"worse)\w*\b.*\b(?:than|by|compared|from|with|in)\b"),
    (1.5, r"\b(?:was|were|is|are)\s(?:\w+ly\s)?(?:found|observed|shown|demonstrated|detected|confirmed|achieved|"
    r"obtained)\b"),
    (1.5, r"\b(?:hypothes[ie]|limitation|limited by|caveat|drawback|remains? (?:unclear|unknown|to be)|future work|"
    r"cannot rule out|did not (?:find|observe|detect|differ)|no (?:significant )?(?:difference|effect|evidence|"
    r"association|correlation))"),
    (1.0, r"\b(?:suggest\w*|indicat\w+|impl(?:y|ies|ying)|consistent with|due to|caused by|because of|leads? to|"
    r"results? in|depends? on)\b"),
]  # fmt: skip
_CUE_PATTERNS = [(weight, re.compile(pattern, re.I)) for weight, pattern in _CUES]
_FIRST = re.compile(
    r"\b(?:we|our|significan|conclu|suggest|indicat|demonstrat|show|found|find|observ|reveal|confirm|than|correlat|"
    r"associated|increas|"
    r"decreas|reduc|improv|hypothes|limitation|p\s?[<=]|report|propos|present|identif|outperform|summary|overall|"
    r"consistent|result)",
    re.I,
)
_CITED = re.compile(
    r"\[\d[\d\s,;–-]*\]|\bet al\b|(?:\([A-Z][\w’'-]+(?:\s(?:and|&)\s[A-Z][\w’'-]+|"
    r"\set al\.?)?,?\s(?:19|20)\d\d)"
)
_POINTS = re.compile(
    r"^(?:(?:see|as (?:shown|described|discussed|mentioned)|note that|recall|let|where|here)\b|(?:in |the )?(?:fig|"
    r"table|section|appendix)\b)|"
    r"\b(?:is|are) (?:shown|given|listed|summari[sz]ed|presented|depicted|described|displayed|reported) in\b|"
    r"(?:Section|Sect\.) \d|we (?:describe|discuss|review|refer|thank|acknowledge)|^in (?:what follows|"
    r"the following|this section)",
    re.I,
)
_LEAD = re.compile(
    rf"^(?:(?:Moreover|Furthermore|However|Therefore|Thus|Hence|Here|In addition|Additionally|In conclusion|"
    rf"In summary|Overall|Finally|"
    rf"Importantly|Interestingly|Notably|Taken together|Consequently|Indeed|Together|Similarly|In contrast|"
    rf"Specifically|In particular|In (?:this|the (?:present|current)) (?:paper|study|work)),?\s)*"
    rf"(?:(?:we|our \w+|the(?:se)?(?: \w+){{1,2}}|this \w+|results?|it)\s(?:(?:is|was|has|have|were|been|also|then|"
    rf"further|therefore|clearly|can|be)\s)*{_VERB}\s(?:here\s)?that\s)",
    re.I,
)
_TRAIL = re.compile(
    r"\s*(?:[\[(](?:[\d\s,;–-]+|(?:see\s|e\.g\.,?\s|cf\.\s)?(?:[Ff]ig|[Tt]able|Supplementary|"
    r"Appendix|Eq)[^()\[\]]*)[\])]\s*)*[.!?]?\s*$"
)

#: What was done, rather than what was found.
_DONE = re.compile(
    r"\b(?:was|were) (?:then |also |further )?(?:used|performed|applied|employed|conducted|calculated|carried out|analy[sz]ed|"
    r"assessed|evaluated|defined|considered|computed|collected|included) (?:to|for|by|with|using|as|in|on|from|according)\b"
)

#: A sentence below it claims nothing in particular.
MIN_WEIGHT = 2.0


def claim_weight(text: str) -> float:
    """How strongly this sentence claims something; below MIN_WEIGHT it does not."""
    if not _FIRST.search(text) or not is_whole(text):
        return 0.0
    weight = sum(weight for weight, cue in _CUE_PATTERNS if cue.search(text))
    if _CITED.search(text):
        weight -= 2.0
    if _POINTS.search(text) or _DONE.search(text):
        weight -= 2.5
    return weight


def claim_span(text: str, span: Span) -> Span:
    """The claim in the sentence text[span[0]:span[1]], without its lead and without what points elsewhere at its end."""
    sentence = text[slice(*span)]
    lead = _LEAD.match(sentence)
    trail = _TRAIL.search(sentence)
    start = lead.end() if lead else 0
    end = trail.start() if trail else len(sentence)
    return (span[0] + start, span[0] + end) if len(sentence[start:end].split()) >= 4 else span


def is_whole(text: str, *, least_words: int = 8, letters: float = 0.7) -> bool:
    """Whether it is a sentence of running text: neither a scrap of a table nor cut off by the page."""
    words = text.split()
    if (
        not least_words <= len(words) <= 65
        or not (text[0].isupper() or text[0].isdigit() or text[0] in '([“"')
        or text[-1] not in '.!?)]”’"'
    ):
        return False
    return sum(sign.isalpha() or sign.isspace() for sign in text) >= letters * len(text)
