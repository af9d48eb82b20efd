"""The names that sections have in most papers."""

from __future__ import annotations

import re

#: Names of sections, in the languages of the papers seen; spaces inside a name count, those at the line ends do not.
_NAMES = re.sub(
    r"\n\s+",
    "",
    r"""abstract|summary|introduction|background|related work|methods?|materials? and methods?|methods? and materials?|materials?
    |experimental(?: section| procedures?)?|results?|results? and discussions?|discussions?|conclusions?|concluding remarks
    |limitations|acknowledge?ments?|references|bibliography|literature cited|works cited|appendix|appendices
    |supplement(?:ary|al) (?:materials?|information|data)|supporting information|funding|conflicts? of interests?
    |competing interests?|disclosure(?: statement)?|author contributions?|data availability(?: statement)?
    |code availability|ethics(?: statement)?|key ?words?(?: and phrases)?|highlights|significance(?: statement)?|key ?points|author summary
    |graphical abstract|declarations|declarations? of (?:competing )?interests?|ethics approval and consent to participate
    |consent (?:for publication|to participate)|availability of data and materials?|authors?['’] contributions|abbreviations
    |zusammenfassung|einleitung|methoden|ergebnisse|diskussion|literatur|literaturverzeichnis|fazit
    |resumo|resumen|introdução|introducción|métodos?|resultados?|discussão|discusión|conclusão|conclusões|conclusiones
    |referências|referencias|agradecimentos""",
)
_KNOWN = re.compile(rf"^(?:\W*(?:\d{{1,2}}|[IVX]{{1,5}})[.)]?\s+)?({_NAMES})\W*$", re.I)


def is_known(text: str) -> bool:
    """True for 'Methods', '1. Introduction', 'References' and their like, standing alone."""
    return bool(_KNOWN.match(text.strip()))
