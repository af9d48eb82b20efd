"""Which lanes a prompt may use, of those that are at hand."""

from __future__ import annotations

from records import Lane, Prompt, RouteMode

#: Lanes that read, cheapest first.
LANES = (Lane.EMBEDDED, Lane.TEXT, Lane.VISION)

_ONLY = {RouteMode.EMBEDDED: Lane.EMBEDDED, RouteMode.TEXT: Lane.TEXT, RouteMode.VISION: Lane.VISION}


def lanes_of(prompt: Prompt, at_hand: frozenset[Lane]) -> frozenset[Lane]:
    """The lanes that may read a unit for this prompt.

    Of the lanes that read text the dearest at hand is used, but in a cascade, which begins with the cheapest.
    """
    if prompt.route in _ONLY:
        return at_hand & {_ONLY[prompt.route]}
    if prompt.route is RouteMode.CASCADE:
        return at_hand
    return at_hand - {Lane.EMBEDDED} if Lane.TEXT in at_hand else at_hand
