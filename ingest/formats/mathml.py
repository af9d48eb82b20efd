"""MathML as LaTeX: the structure written in LaTeX, letters and signs left as Unicode has them.

Publishers set formulas in MathML; Docling keeps only what is LaTeX already and drops the rest without a word. This writes
fractions, roots, indices, accents, tables and fences, and takes everything else for a row of what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_ACCENTS = {
    "¯": "bar", "‾": "bar", "_": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "→": "vec", "⃗": "vec",
    "˙": "dot", ".": "dot", "¨": "ddot", "⏞": "overbrace", "⏟": "underbrace", "̲": "underline", "̅": "overline",
}  # fmt: skip
_SPECIAL = str.maketrans({"%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "{": r"\{", "}": r"\}", "_": r"\_", "\u00a0": " "})
_INVISIBLE = "\u2061\u2062\u2063\u2064\u200b"  #: applied, times, comma, plus, nothing
_SPELT = re.compile(r"(?<![\w\\{])(?:[A-Za-z] ){3,}[A-Za-z](?![\w}])")  #: a word set letter by letter
_DEEPEST = 60  #: formulas that people write nest ten deep


def latex_of(math: Any, depth: int = 0) -> str:
    """The LaTeX of a MathML element, without dollars; of one nested too deep, its text."""
    tag = _tag(math)
    if depth > _DEEPEST or tag in ("mi", "mn", "mo", "mtext", "ms"):
        return _token(tag, "".join(math.itertext()).strip(" \t\r\n"))
    if tag in ("annotation", "annotation-xml", "mspace", "none", "mprescripts"):
        return ""
    children = [child for child in math if isinstance(child.tag, str)]
    write = _WRITERS.get(tag)
    if write and len(children) >= _LEAST.get(tag, 0):
        return write([latex_of(child, depth + 1) for child in children], math)
    return _row([latex_of(child, depth + 1) for child in children], math)


def _token(tag: str, text: str) -> str:
    if text == "\u00a0":
        return r"\ "
    text = text.strip(_INVISIBLE).translate(_SPECIAL)
    if tag == "mtext" and text:
        return rf"\text{{{text}}}"
    return rf"\mathrm{{{text}}}" if tag == "mi" and len(text) > 1 and text.isalpha() else text


def _row(parts: list[str], _: Any) -> str:
    row = " ".join(part for part in parts if part.strip())
    return _SPELT.sub(lambda found: rf"\mathrm{{{found.group().replace(' ', '')}}}", row)


def _accented(command: str) -> Callable[[list[str], Any], str]:
    """An accent where the mark is one, else something set over or under."""

    def write(parts: list[str], _: Any) -> str:
        base, mark = parts[0], parts[1].strip()
        if mark in _ACCENTS and not (command == "underset" and _ACCENTS[mark] == "bar"):
            return rf"\{_ACCENTS[mark]}{{{base}}}"
        if base.strip() in ("∑", "∏", "∫", "lim", r"\mathrm{lim}", r"\mathrm{max}", r"\mathrm{min}"):
            return f"{base}{'^' if command == 'overset' else '_'}{{{mark}}}"
        return rf"\{command}{{{mark}}}{{{base}}}"

    return write


def _fenced(parts: list[str], math: Any) -> str:
    opened, closed = math.get("open", "("), math.get("close", ")")
    return f"{opened.translate(_SPECIAL)} {', '.join(parts)} {closed.translate(_SPECIAL)}"


def _table(parts: list[str], _: Any) -> str:
    return r"\begin{matrix} " + r" \\ ".join(parts) + r" \end{matrix}" if len(parts) > 1 else "".join(parts).replace(" & ", " ")


_WRITERS: dict[str, Callable[[list[str], Any], str]] = {
    "mfrac": lambda p, _: rf"\frac{{{p[0]}}}{{{p[1]}}}",
    "msqrt": lambda p, m: rf"\sqrt{{{_row(p, m)}}}",
    "mroot": lambda p, _: rf"\sqrt[{p[1]}]{{{p[0]}}}",
    "msub": lambda p, _: f"{_base(p[0])}_{{{p[1]}}}",
    "msup": lambda p, _: f"{_base(p[0])}^{{{p[1]}}}",
    "msubsup": lambda p, _: f"{_base(p[0])}_{{{p[1]}}}^{{{p[2]}}}",
    "munderover": lambda p, _: f"{_base(p[0])}_{{{p[1]}}}^{{{p[2]}}}",
    "mover": _accented("overset"),
    "munder": _accented("underset"),
    "mfenced": _fenced,
    "mtable": _table,
    "mtr": lambda p, _: " & ".join(p),
    "mlabeledtr": lambda p, _: " & ".join(p[1:]),
    "semantics": lambda p, _: p[0],
}
_LEAST = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munderover": 3, "mover": 2, "munder": 2, "semantics": 1,
    "mlabeledtr": 2,
}  # fmt: skip


def _base(text: str) -> str:
    """What an index hangs on, in braces where it is more than one thing."""
    return text if len(text) <= 1 or (text.startswith("\\") and " " not in text) else f"{{{text}}}"


def _tag(node: Any) -> str:
    return str(node.tag).rpartition("}")[2].rpartition(":")[2].lower()
