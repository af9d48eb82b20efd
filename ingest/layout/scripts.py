"""Raised and lowered words as text: '10⁵', 'CO₂', 'h⁻¹', 'x_max', 'e^{−x/2}'.

A newcomer would write the words one after the other, and 10⁵ would become 105. What Unicode has a raised or lowered sign
for gets it; the rest is written with ^ and _, with braces where it is more than one name or number. Of letters at most
two become signs: 'xᵢⱼ' is read by everybody, 'xₘₐₓ' by nobody.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from ingest.layout.page import Word
from ingest.layout.pieces import AXIS

#: A script is smaller than its row, in sizes of the row.
_SMALLER = 0.9
#: And its baseline is higher or lower by so much.
_RAISED, _LOWERED = 0.2, -0.06
#: The middle of a sign of mathematics lies so far from the axis where it is part of a script.
_OFF_AXIS = 0.2
#: Gap above which a space stands before a script, and before any other word, in sizes.
_SCRIPT_SPACE, _SPACE = 0.3, 0.12
#: And the one that is enough between letters where the text layer has a space: some layers have one beside each ligature.
_TOLD, _STOPS = 0.04, tuple(".,;:!?)]")

#: Signs that are no scripts whatever their boxes say.
_UPRIGHT = frozenset("()[]{}|∥⟨⟩√∑∏∫⌈⌉⌊⌋⟦⟧")

_SIGN_FONT = re.compile(r"cmsy|cmex|mtsy|mtex|rsfs|eufm|msbm", re.I)

_DIGITS = "0123456789+-−=()"
_RAISED_SIGNS = dict(
    zip(
        _DIGITS + "abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ",
        strict=True,
    )
)
_LOWERED_SIGNS = dict(zip(_DIGITS + "aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
#: Marks that are raised already.
_HIGH = str.maketrans({"∘": "°", "◦": "°", "∗": "*", "⁻": "-"})
_IS_HIGH = re.compile(r"[*†‡§¶#°′″'’®™©ªº“”\"`´]+")
_ORDINAL = re.compile(r"(?:st|nd|rd|th|TM|SM|er|re|e|o|a)")
#: One number or one name: a differential is one, too.
_SINGLE = re.compile(
    r"\d+(?:\.\d+)?|[d∂Δ]?[^\W\d_][\u0300-\u036f]?[′'⁰¹²³⁴-ⁿ₀-ₜᵢⱼᵣᵤᵥᴬ-ᶻ]*|[d∂][⁰¹²³⁴-ⁿ]+[^\W\d_]?|[^\W\d_]_\w+"
)
_RANGE = re.compile(r"(?<=\d)[-−–—](?=\d)")


def words_as_text(words: Sequence[Word]) -> str:
    """The words of one row with spaces where the page has gaps, scripts as such."""
    if not words:
        return ""
    size, base = main_row(words)
    text, last_right, after_script = "", words[0].rect.left, False
    for normal, group in _groups(words, size, base):
        left = min(word.rect.left for word in group)
        if normal:
            word = group[0]
            narrow = min(word.size, size)
            written = word.text
            gap = left - last_right
            least = -_SPACE if text[-1:] in _STOPS and word.text[0].isalnum() else _TOLD
            told = word.after_space and not after_script and gap > least * narrow
            space = gap > _SPACE * narrow or told or word.rect.right < last_right - size
        else:
            written = _scripts(group, size, base, text)
            space = left - last_right > _SCRIPT_SPACE * size
        text += (" " if space and text else "") + written
        after_script = not normal
        last_right = max(word.rect.right for word in group)
    return " ".join(text.split())


def main_row(words: Sequence[Word]) -> tuple[float, float]:
    """Size and baseline of the words that are no scripts: the largest size of which there is not just an initial."""
    head = words[0]
    if not head.face.is_math and all(w.size == head.size and w.base == head.base and w.face is head.face for w in words):
        return max(round(head.size, 1), 0.1), round(head.base, 1)  # most lines
    known = [word for word in words if not _is_sign(word)] or list(words)
    counts: dict[float, int] = defaultdict(int)
    for word in known:
        counts[round(word.size, 1)] += len(word.text)
    n = sum(counts.values())
    size = max(size for size, count in counts.items() if count >= 0.2 * n or count == max(counts.values()))
    bases: dict[float, int] = defaultdict(int)
    for word in known:
        if abs(word.size - size) <= 0.12 * size + 0.05:
            bases[round(word.base, 1)] += len(word.text)
    return max(size, 0.1), max(bases, key=lambda base: bases[base])


def _is_sign(word: Word) -> bool:
    """True for mathematics whose box may end with its ink: what is no letter or digit, and all of a font of signs."""
    return word.face.is_math and (not any(c.isalnum() for c in word.text) or bool(_SIGN_FONT.search(word.face.name)))


def middle_of(word: Word) -> float:
    """Height of the middle of the parser's box, which for a sign of mathematics may end with the ink."""
    return word.base + word.size * (0.5 - word.face.baseline) / word.face.size_per_height


def shift_of(word: Word, size: float, base: float) -> int:
    """1 where the word is raised above the row of this size and baseline, -1 where lowered, 0 where it is part of it."""
    if _is_sign(word):
        if word.text[0] in _UPRIGHT:
            return 0
        off = (middle_of(word) - base) / size - AXIS
        small = word.rect.height < 0.9 * size
        return (off > _OFF_AXIS) - (off < -_OFF_AXIS) if small and abs(off) < 2.5 else 0
    if word.size >= _SMALLER * size:
        return 0
    off = (word.base - base) / size
    return (_RAISED < off < 2.5) - (-2.5 < off < _LOWERED)


def _groups(words: Sequence[Word], size: float, base: float) -> list[tuple[bool, list[Word]]]:
    """The words one by one, but all scripts of one place together."""
    groups: list[tuple[bool, list[Word]]] = []
    if not any(w.face.is_math for w in words) and min(w.size for w in words) >= _SMALLER * size:
        return [(True, [word]) for word in words]
    alone = all(shift_of(word, size, base) for word in words)  # signs whose boxes tell nothing
    for word in words:
        normal = alone or shift_of(word, size, base) == 0
        if normal or not groups or groups[-1][0] or word.rect.left - groups[-1][1][-1].rect.right > _SCRIPT_SPACE * size:
            groups.append((normal, [word]))
        else:
            groups[-1][1].append(word)
    return groups


def _scripts(group: Sequence[Word], size: float, base: float, before: str) -> str:
    """The scripts at one place as text."""
    up = sorted((word for word in group if shift_of(word, size, base) > 0), key=lambda word: word.rect.left)
    down = sorted((word for word in group if shift_of(word, size, base) < 0), key=lambda word: word.rect.left)
    above, below = words_as_text(up), words_as_text(down)
    return (lowered(below) if down else "") + (raised(above, before) if up else "")


def fraction(above: str, below: str) -> str:
    """'a/b', with parentheses around what is more than one name or number."""
    return f"{closed(above)}/{closed(below)}"


def closed(text: str) -> str:
    """The text in parentheses unless it is one name, one number or in parentheses already."""
    single = _SINGLE.fullmatch(text) or _is_closed(text)
    return text if single else f"({text})"


def _is_closed(text: str) -> bool:
    """True where one pair of parentheses stands around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return at == len(text) - 1
    return False


def raised(text: str, before: str = "") -> str:
    """This text raised above the line, after what stands `before` it."""
    text = text.translate(_HIGH)
    if text.startswith("[") and text.endswith("]"):  # a citation that is marked as one already
        return text
    if before[-1:].isalnum() and _ORDINAL.fullmatch(text) and (len(text) > 1 or before[-1].isdigit()):
        return text  # 4th
    listed = re.split(r"([,;]\s?)", text)
    signs = [_all_signs(_RANGE.sub("–", part), _RAISED_SIGNS, dash="–") for part in listed[::2]]
    if all(sign is not None for sign in signs):
        joints = [joint.strip() for joint in listed[1::2]] + [""]
        return "".join((sign or "") + joint for sign, joint in zip(signs, joints, strict=True))
    return "^" + _braced(text) if before else text  # at the head of a line it is a mark, not a script of anything


def lowered(text: str) -> str:
    """This text lowered below the line."""
    signs = _all_signs(text, _LOWERED_SIGNS)
    return "_" + _braced(text) if signs is None else signs


def _all_signs(text: str, signs: dict[str, str], dash: str = "") -> str | None:
    """The text in raised or lowered signs; None where one is missing or it is a word."""
    text = text.replace(" ", "")
    if sum(c.isalpha() for c in text) > 2:
        return None
    made = [signs.get(c) or (c if c == dash or _IS_HIGH.match(c) else None) for c in text]
    return None if None in made else "".join(c for c in made if c)


def _braced(text: str) -> str:
    return text if re.fullmatch(r"\w+|[^\w\s]", text) and "_" not in text else f"{{{text}}}"
