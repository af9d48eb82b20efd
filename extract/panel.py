"""The readers at hand for a run, one for each lane, as one: every unit goes where its route says, and readings come in order.

Lanes work side by side: requests to a text server and a vision server are in flight while the embedded lane uses this machine's
processor. Units are taken from the caller as there is room for them, so a run is one stream and no lane waits for the end of a
batch of another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack

from errors import ModelUnreachable, SettingsInvalid
from extract.cascade import Cascade
from extract.checking import CheckedSession, Opinion, OpinionReader
from extract.routing.lanes import lanes_of
from records import Lane, Prompt, Reader, Reading, Route, RouteMode, Session, Unit, content_id
from settings import RoutingSettings

#: Units begun and not yet handed over: two batches of the embedded lane.
WINDOW = 800
_FLUSH_S = 0.2  #: while one is waited for, a cascade may have handed more to a lane that waits for full batches
#: Units in a row that find no server before any was answered, and after: then there is none.
AWAY_AT_FIRST, AWAY_LATER = 3, 12


class Panel:
    """The readers of a run, one for each lane at hand."""

    def __init__(
        self, readers: Sequence[Reader], routing: RoutingSettings, opinion: Callable[[str], OpinionReader] | None = None
    ) -> None:
        self.routing = routing
        self._readers = {reader.lane: reader for reader in readers}
        self._opinion = opinion  #: opens the second model of this alias

    @property
    def lanes(self) -> frozenset[Lane]:
        return frozenset(self._readers)

    def reader_of(self, lane: Lane) -> Reader:
        """The reader of this lane, which must be at hand."""
        return self._readers[lane]

    def changed(self, change: Callable[[Reader], Reader]) -> Panel:
        """This panel with each reader changed so; who judges and by which rules stays."""
        return Panel([change(reader) for reader in self._readers.values()], self.routing, self._opinion)

    def key(self, prompt: Prompt) -> str:
        """Who reads this prompt: the readers of its lanes, and where a cascade goes on to the next. Raises SettingsInvalid where the
        prompt asks for a lane that is not at hand."""
        used = lanes_of(prompt, self.lanes)
        missing = {RouteMode.TEXT: Lane.TEXT, RouteMode.VISION: Lane.VISION}.get(prompt.route)
        if missing and missing not in self.lanes:
            raise SettingsInvalid(
                f"The prompt {prompt.name!r} is to be read by the {missing.value} lane, and no model of that lane is named. Nothing was "
                f"read. Name one with --model, such as --model ALIAS; `reread models list` tells which there are."
            )
        keys = [self._readers[lane].key for lane in Lane if lane in used]
        threshold = [self.routing.unsure_below] if prompt.route is RouteMode.CASCADE else []
        second = [self._second(prompt.verify).key] if prompt.verify else []
        return content_id("panel", *keys, *threshold, *second) if [*keys[1:], *threshold, *second] else keys[0]

    def _second(self, alias: str) -> OpinionReader:
        if self._opinion is None:
            raise SettingsInvalid(
                f"The prompt asks the model {alias!r} for a second opinion, and none can be asked here. Nothing was read."
            )
        return self._opinion(alias)

    def key_of(self, lane: Lane) -> str:
        """The key of the reader of this lane; '' where there is none, for a unit that nobody reads."""
        return self._readers[lane].key if lane in self._readers else ""

    def read(self, prompt: Prompt, tasks: Iterable[tuple[Unit, Route]]) -> Generator[Reading, None, None]:
        """One Reading per task, in order; tasks are taken as there is room.

        Raises ModelUnreachable where unit after unit finds no server, SettingsInvalid for a wrong key, NotFound for an
        unknown model or address.
        """
        with ExitStack() as stack:
            opinion = stack.enter_context(self._second(prompt.verify).open(prompt)) if prompt.verify else None
            sessions = _Sessions(self._readers, prompt, stack, opinion)
            cascade = None
            if prompt.route is RouteMode.CASCADE:
                cascade = Cascade({lane: sessions.of(lane) for lane in self.lanes}, self.routing)
            yield from _while_answered(self._in_order(tasks, sessions, cascade))

    def _in_order(self, tasks: Iterable[tuple[Unit, Route]], sessions: _Sessions, cascade: Cascade | None) -> Iterator[Reading]:
        begun: deque[Future[Reading]] = deque()
        for unit, route in tasks:
            begun.append(cascade.submit(unit, route) if cascade else sessions.of(route.lane).submit(unit))
            while begun and (begun[0].done() or len(begun) >= WINDOW):
                yield self._next(begun, sessions)
        while begun:
            yield self._next(begun, sessions)

    def _next(self, begun: deque[Future[Reading]], sessions: _Sessions) -> Reading:
        while not begun[0].done():
            sessions.flush()
            wait([begun[0]], timeout=_FLUSH_S)
        return begun.popleft().result()


def read_all(reader: Reader, prompt: Prompt, units: Iterable[Unit]) -> list[Reading]:
    """These units read by one reader alone. Raises what `Panel.read` raises."""
    route = Route(lane=reader.lane, reason="one reader")
    return list(Panel([reader], RoutingSettings()).read(prompt, ((unit, route) for unit in units)))


class _Sessions:
    """The session of each lane, opened with its first unit."""

    def __init__(self, readers: dict[Lane, Reader], prompt: Prompt, stack: ExitStack, opinion: Opinion | None) -> None:
        self._readers, self._prompt, self._stack, self._opinion = readers, prompt, stack, opinion
        self._open: dict[Lane, Session] = {}

    def of(self, lane: Lane) -> Session:
        if lane not in self._open:
            session = self._stack.enter_context(self._readers[lane].open(self._prompt))
            self._open[lane] = CheckedSession(session, self._prompt, self._opinion)
        return self._open[lane]

    def flush(self) -> None:
        for session in self._open.values():
            session.flush()


def _while_answered(readings: Iterable[Reading]) -> Iterator[Reading]:
    """These readings, until so many in a row found no server that there is none; these are given to nobody."""
    limit, n_given = AWAY_AT_FIRST, 0
    away: list[Reading] = []
    for reading in readings:
        if reading.error_code == ModelUnreachable.code:
            away.append(reading)
            if len(away) >= limit:
                raise _gone(reading, n_given)
            continue
        yield from away
        yield reading
        n_given += len(away) + 1
        away.clear()
        limit = AWAY_LATER
    if away and not n_given:
        raise _gone(away[-1], n_given)
    yield from away


def _gone(last: Reading, n_given: int) -> ModelUnreachable:
    return ModelUnreachable(
        f"{last.error} Reading stopped after {n_given:,} units; the rest is left. "
        "Nothing is lost: run the same command when the server is back, and it goes on from here."
    )
