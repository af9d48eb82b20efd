#!/usr/bin/env python3
"""Find quotes again that carry the noise that models make, and none of other papers.

    bench/evidence.py LIBRARY [--quotes 500] [--foreign 1000] [--seed 7] [--errors]

Quotes of 6 to 30 words are drawn from the text chunks of the library and changed in one way each: space, hyphen, ligature (with
Unicode mathematics), case, ellipsis, one word changed (another word in its place, left out, or added; words, not numbers). Each is
looked for in its whole paper. Right is the same stretch of text (or the same words elsewhere in the paper). Then quotes of other
papers are looked for as they are; those whose words really stand there are counted apart.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from extract.evidence.aligning import NEVER_CHANGED
from extract.evidence.grounding import Grounded, ground
from extract.evidence.normalising import folded, loose
from extract.units import make_units
from records import Chunk, ChunkKind, Unit, UnitKind
from store.embedding import SHIPPED_MODEL
from store.library import open_library

Noise = Callable[[str, random.Random], str | None]  #: the changed quote; None where the quote has nothing to change


def space(quote: str, rng: random.Random) -> str | None:
    places = [m.start() for m in re.finditer(r"(?<!\d) | (?!\d)", quote)]
    for at in sorted(rng.sample(places, min(len(places), rng.randint(1, 3))), reverse=True):
        quote = quote[:at] + rng.choice(["", "  ", "\n", "\u00a0", "\u2009", " \n "]) + quote[at + 1 :]
    return quote


def hyphen(quote: str, rng: random.Random) -> str | None:
    kind = rng.choice(["broken", "soft", "sign"])
    if kind == "sign" and (found := [m.start() for m in re.finditer(r"(?<=[a-zA-Z])-(?=[a-zA-Z\d])", quote)]):
        at = rng.choice(found)
        return quote[:at] + rng.choice(["\u2010", "\u2011", "\u2013", "", "- "]) + quote[at + 1 :]
    places = [m.start() + rng.randint(3, len(m[0]) - 2) for m in re.finditer(r"(?<!\w)[a-z]{6,}(?!\w)", quote)]
    if not places:
        return None
    at = rng.choice(places)
    return quote[:at] + ("\u00ad" if kind == "soft" else rng.choice(["-\n", "-", "- ", "\u2010\n"])) + quote[at:]


def ligature(quote: str, rng: random.Random) -> str | None:
    signs = {
        "ffi": "\ufb03",
        "ffl": "\ufb04",
        "ff": "\ufb00",
        "fi": "\ufb01",
        "fl": "\ufb02",
        "×": "x",
        "−": "-",
        "–": "-",
        "μ": "µ",
    }
    found = [letters for letters in signs if letters in quote]
    if found and rng.random() < 0.6:
        letters = rng.choice(found)
        return quote.replace(letters, signs[letters])
    words = [m.span() for m in re.finditer(r"(?<!\w)[a-zA-Z]{1,12}(?!\w)", quote)]
    if not words:
        return None
    start, end = rng.choice(words)
    base = rng.choice([(0x1D400, 0x1D41A), (0x1D5A0, 0x1D5BA), (0x1D468, 0x1D482)])  # bold, sans, bold italic
    math = "".join(chr(base[c.islower()] + ord(c.lower()) - ord("a")) for c in quote[start:end])
    return quote[:start] + math + quote[end:]


def case(quote: str, rng: random.Random) -> str | None:
    return rng.choice([str.lower, str.upper, str.title, lambda q: q[0].swapcase() + q[1:]])(quote)


def ellipsis(quote: str, rng: random.Random) -> str | None:
    words = quote.split()
    sign = rng.choice(["...", "…", "[...]", "(…)", ". . ."])
    kind = rng.choice(["middle", "middle", "ends"])
    if kind == "ends":
        return f"{sign} {quote} {sign}"
    if len(words) < 9:
        return None
    first = rng.randint(3, len(words) - 6)
    last = rng.randint(first + 1, len(words) - 3)
    return " ".join(words[:first]) + rng.choice([" ", ""]) + sign + " " + " ".join(words[last:])


def one_word(quote: str, rng: random.Random) -> str | None:
    words = quote.split()
    places = [
        i
        for i, word in enumerate(words)
        if re.fullmatch(r"[A-Za-z]+[.,;:]?", word) and word.lower().strip(".,;:") not in NEVER_CHANGED
    ]
    if not places:
        return None
    at = rng.choice(places)
    kind = rng.choice(["changed", "left out", "added"])
    other = rng.choice(OTHER_WORDS)
    new = {"changed": [other], "left out": [], "added": [words[at], other]}[kind]
    return " ".join([*words[:at], *new, *words[at + 1 :]])


NOISES: dict[str, tuple[Noise, float]] = {
    "space": (space, 1.0),
    "hyphen": (hyphen, 1.0),
    "ligature": (ligature, 1.0),
    "case": (case, 1.0),
    "ellipsis": (ellipsis, 1.0),
    "one word changed": (one_word, 0.95),
}
OTHER_WORDS: list[str] = []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--quotes", type=int, default=500)
    parser.add_argument("--foreign", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    papers = units_of(options.library)
    rng = random.Random(options.seed)
    OTHER_WORDS.extend(
        sorted({w for u in papers for c in u.chunks[:20] for w in re.findall(r"(?<!\w)[a-z]{3,12}(?!\w)", c.text)})
    )
    print(f"{len(papers)} papers, {sum(len(unit.chunks) for unit in papers)} chunks, seed {options.seed}")
    print(f"{'noise':20} {'quotes':>7} {'right':>7} {'share':>7} {'goal':>6}   found by")
    met = [score(name, papers, rng, options) for name in ("as printed", *NOISES)]
    met.append(foreign(papers, rng, options))
    return 0 if all(met) else 1


def units_of(root: Path) -> list[Unit]:
    """Each paper as one unit of its text chunks."""
    library = open_library(root, embedding=SHIPPED_MODEL)
    chunks = library.chunks([document.id for document in library.documents()])
    texts = [[c for c in found if c.kind is ChunkKind.TEXT and len(c.text.split()) >= 8] for found, _ in chunks.values()]
    return [make_units(found, None, UnitKind.DOCUMENT)[0] for found in texts if found]


def drawn(unit: Unit, rng: random.Random) -> tuple[Chunk, tuple[int, int]]:
    """A stretch of 6 to 30 whole words of one chunk."""
    chunk = rng.choice(unit.chunks)
    words = [m.span() for m in re.finditer(r"\S+", chunk.text)]
    n = min(len(words), rng.randint(6, 30))
    first = rng.randint(0, len(words) - n)
    return chunk, (words[first][0], words[first + n - 1][1])


def score(name: str, papers: list[Unit], rng: random.Random, options: argparse.Namespace) -> bool:
    noise, goal = NOISES.get(name, (lambda quote, _: quote, 1.0))
    asked = []
    while len(asked) < options.quotes:
        unit = rng.choice(papers)
        chunk, span = drawn(unit, rng)
        quote = noise(chunk.text[slice(*span)], rng)
        if quote is not None:
            asked.append((unit, chunk, span, quote))
    asked.sort(key=lambda one: one[0].id)  # as they come in a run: paper by paper
    begun = time.perf_counter()
    answers = [ground(quote, unit) for unit, _, _, quote in asked]
    seconds = time.perf_counter() - begun
    by: dict[str, int] = {}
    wrong = []
    for (_, chunk, span, quote), found in zip(asked, answers, strict=True):
        if is_right(found, chunk, span):
            by[found.by] = by.get(found.by, 0) + 1  # type: ignore[union-attr]
        else:
            wrong.append((chunk.text[slice(*span)], quote, found))
    share = 1 - len(wrong) / len(asked)
    told = ", ".join(f"{n} {way}" for way, n in sorted(by.items()))
    rate = 60 * len(asked) / seconds
    print(
        f"{name:20} {len(asked):7} {len(asked) - len(wrong):7} {share:7.1%} {goal:6.0%}   {told}; {rate:,.0f} quotes a minute"
    )
    for text, quote, found in wrong[:20] if options.errors else []:
        print(f"   printed {text!r}\n   quoted  {quote!r}\n   found   {found and found.chunk.text[slice(*found.span)]!r}")
    return share >= goal


def is_right(found: Grounded | None, chunk: Chunk, span: tuple[int, int]) -> bool:
    """Whether the span covers the printed one, but for a word at an end; or the same words stand elsewhere in the paper too."""
    if found is None:
        return False
    said, printed = (folded(loose(c.text[slice(*s)]).text) for c, s in ((found.chunk, found.span), (chunk, span)))
    if found.chunk.id != chunk.id or said == printed:
        return said == printed or (said in printed and len(said) > 0.8 * len(printed))
    shared = min(found.span[1], span[1]) - max(found.span[0], span[0])
    return shared >= 0.8 * (max(found.span[1], span[1]) - min(found.span[0], span[0]))


def foreign(papers: list[Unit], rng: random.Random, options: argparse.Namespace) -> bool:
    """Quotes of other papers: none may be found, but where the words really stand in both."""
    n_asked = n_both = 0
    accepted = []
    seconds = 0.0
    while n_asked < options.foreign:
        one, other = rng.sample(papers, 2)
        chunk, span = drawn(one, rng)
        quote = chunk.text[slice(*span)]
        wanted = folded(loose(quote).text)
        if any(wanted in folded(loose(c.text).text) for c in other.chunks):
            n_both += 1
            continue
        n_asked += 1
        begun = time.perf_counter()
        found = ground(quote, other)
        seconds += time.perf_counter() - begun
        if found:
            accepted.append((quote, found))
    print(
        f"of another paper: {len(accepted)} of {n_asked} accepted (goal 0); {n_both} more drawn stand in both; "
        f"{60 * n_asked / seconds:,.0f} quotes a minute"
    )
    for quote, found in accepted[:20]:
        print(f"   quoted  {quote!r}\n   found   {found.chunk.text[slice(*found.span)]!r} ({found.by})")
    return not accepted


if __name__ == "__main__":
    sys.exit(main())
