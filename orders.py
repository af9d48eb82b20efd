"""Words of a paper that are meant for a model and not for a reader: signs of control, and orders to whoever answers.

A newcomer would take such words out. They stay: a paper on language models quotes them in earnest, and a model is told anyway
that what it reads is material. Signs of control are taken apart before a model sees them; all else is a flag for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: What chat templates take for signs of their own (<|im_end|>, <start_of_turn>, [INST], </s>, <image>), and marks like ours.
CONTROL = re.compile(
    r"<(?=[|｜][a-z][\w▁ ]{2,40}[|｜]>|(?:start|end)_of_\w{1,20}>|/?(?:s|bos|eos|pad|unk|image|video|audio|think|tool_call)>|<\s?/?SYS>"
    r"|[\s/]*(?:paper|example)-text)|\[(?=/?(?:INST|IMG\w{0,10}|TOOL_\w{1,20}|AVAILABLE_TOOLS|SYSTEM_PROMPT)\])",
    re.IGNORECASE,
)
_TOLD = r"(?:instructions?|prompts?|rules|directions|directives|guidelines|messages?|constraints|schemas?)"
_MODEL = r"(?:language models?|LLMs?|AIs?|AI (?:models?|systems?|assistants?|readers?|reviewers?)|chat ?bots?|assistants?)"
#: Kinds of orders: to forget what was said, to answer so and so, to be someone, to a model by name, to show what is its own.
_ORDERS = re.compile(
    rf"\b(?:ignor(?:e|ing)|disregard|forget|override|bypass|discard)\W+(?:\w+\W+){{0,5}}?{_TOLD}\b"
    r"|\b(?:answer|respond|reply|output)\W+(?:\w+\W+){0,5}?(?:with|only|exactly|as|in)\W+(?:\w+\W+){0,4}?(?:\{|JSON\b|URL\b|prose\b)"
    r"|\byou are (?:now|no longer|an? (?:helpful|unrestricted|AI|language model|assistant)\b)"
    rf"|\b(?:note|notice|attention|instructions?|messages?|important|orders?)\W+(?:to|for)\W+(?:(?:the|any|all|every|an?)\W+)*{_MODEL}\b"
    rf"|\bif you are (?:an? )?(?:\w+ )?{_MODEL}\b"
    r"|\b(?:reveal|print|repeat|show|leak|output)\W+(?:\w+\W+){0,3}?(?:system|developer|hidden) (?:prompts?|messages?|instructions?)\b"
    r"|\b(?:new|updated|real) (?:system|developer) (?:prompt|message|instructions?)\b|^\s*(?:system|assistant|developer)\s*:\s",
    re.IGNORECASE | re.MULTILINE,
)
#: A picture or a link of Markdown whose address carries a question, and the end of a list of records with keys after it.
_CARRIERS = re.compile(
    r"!?\[[^\]\n]{0,80}\]\(\s*https?://[^)\s]{1,300}\?|\}\s*\]\s*[,}]\s*[\"“”][\w ]{1,40}[\"“”]\s*:", re.IGNORECASE
)
_SHOWN = 60  #: characters of an order that a warning shows


def orders_in(text: str) -> Iterator[str]:
    """The beginning of each stretch of this text that is made for a model; in one line, from the left, kind by kind."""
    for kind in (CONTROL, _ORDERS, _CARRIERS):
        for found in kind.finditer(text):
            yield " ".join(text[found.start() : found.start() + _SHOWN].split())
