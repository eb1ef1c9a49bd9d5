"""`record`: the live source into the archive, at every instant of the schedule while the exchange trades.

Wakes by the wall clock, because the clock that sleeping counts by stands still while a machine is suspended. An instant that was
slept through is skipped and said, never made up for: what would be stored then is not what was known.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from archive.answers import ArchiveError
from archive.chain_bytes import identical
from archive.rows import flat
from exposure.sampling import Step, sample_instants
from exposure.sessions import EASTERN, next_session
from exposure.snapshot import Missing, MissingReason, Mode, Provenance
from sources.base import ChainSource
from sources.computed import measured

if TYPE_CHECKING:
    from archive.store import Archive
    from exposure.chain import Chain
    from exposure.dealer import SymbolExposure
    from sources.base import Source

STEPS = (Step.MINUTE, Step.FIVE_MINUTES, Step.FIFTEEN_MINUTES, Step.THIRTY_MINUTES, Step.HOUR, Step.DAY)
"""How often can be recorded."""

_LONGEST_SLEEP_SECONDS = 20.0
_LATEST = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(minutes=4)
# Fifteen minutes of delay, and one in which the file of that minute is published.
_PUBLICATION_DELAY = timedelta(minutes=16)
_NAMES_TOLD = 3
# Quotes of the last session, after the longest holiday.
_OLDEST_QUOTES = timedelta(days=7)


class RecordingRefusedError(Exception):
    """Recording that cannot begin or go on; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to record: every `step` of a session, from its open to its close, `delay` later where quotes are."""

    step: Step
    delay: timedelta = timedelta(0)

    @property
    def latest(self) -> timedelta:
        """How late a snapshot may be taken."""
        return _LATEST if self.step is not Step.MINUTE else _LATEST / 2

    def after(self, instant: datetime) -> datetime:
        """The first scheduled instant after another. Raises RecordingRefusedError where the calendar ends."""
        try:
            following = next_session(_day(instant - self.delay)).close + self.delay
        except ValueError as problem:
            raise RecordingRefusedError(str(problem)) from None
        return self.between(instant, following)[0]

    def between(self, since: datetime, until: datetime) -> list[datetime]:
        """Every scheduled instant after `since`, up to and with `until`."""
        moments = sample_instants(since - self.delay, until - self.delay, self.step).tolist()
        return [at for moment in moments if (at := moment.replace(tzinfo=UTC) + self.delay) > since]

    def is_last_of_day(self, instant: datetime) -> bool:
        """Whether the next scheduled instant is of another session."""
        return _day(self.after(instant) - self.delay) != _day(instant - self.delay)


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The present, and a way to wait: the machine's own unless a test brings others."""

    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is stored of a symbol: the session date it became known on, and a vendor's units ("" for computed numbers)."""

    day: date
    units: str
    exposure: SymbolExposure
    chain: Chain | None

    def repeats(self, other: _Entry | None) -> bool:
        """Whether nothing differs, to the last bit.

        On another date it is stored again, because the archive chooses among sources by the dates they have rows on.
        """
        if other is None or (self.day, self.units) != (other.day, other.units):
            return False
        if flat(self.exposure).packed() != flat(other.exposure).packed():
            return False
        if self.chain is None or other.chain is None:
            return self.chain is other.chain
        return identical(self.chain, other.chain)


class Recorder:
    """Takes snapshots of one source. `source_name` is what its rows are filed under; `say` prints a line at once.

    A symbol that is what was stored of it last is not stored again: a source that keeps its answers for a while may be asked too
    often, and the archive carries forward what it holds.
    """

    def __init__(
        self, source: Source, source_name: str, archive: Archive, clockwork: Clockwork, say: Callable[[str], None]
    ) -> None:
        self._source = source
        self._source_name = source_name
        self._archive = archive
        self._clockwork = clockwork
        self._say = say
        self._stored: dict[str, _Entry] | None = None

    async def run(self, symbols: Sequence[str], step: Step) -> None:
        """Record until cancelled. Raises RecordingRefusedError where nothing can ever be recorded this way."""
        status = await self._source.status()
        schedule = Schedule(step, _PUBLICATION_DELAY if status.mode is Mode.DELAYED else timedelta(0))
        await self._export(None)
        last, stored_once = self._clockwork.clock(), False
        while True:
            await self._wait_until(schedule.after(last))
            now = self._clockwork.clock()
            passed = schedule.between(last, now)
            last = passed[-1]
            timely = now - last <= schedule.latest
            skipped = len(passed) - timely
            if skipped:
                what = f"{skipped:,} instant{'' if skipped == 1 else 's'} from {_clock(passed[0])} on"
                self._say(f"{_clock(now)}: skipped {what}; this machine was asleep or busy.")
            if not timely:
                continue
            try:
                stored_once |= await self.take(symbols, last, step)
            except ArchiveError as problem:
                if not stored_once:
                    raise
                self._say(f"{_clock(last)}: not stored. {problem}")
            if schedule.is_last_of_day(last):
                await self._export(_day(last - schedule.delay))

    async def take(self, symbols: Sequence[str], due: datetime, step: Step) -> bool:
        """Take one snapshot and store what is new in it; returns whether anything arrived. The line is said once it is on disk.

        Raises ArchiveError, and RecordingRefusedError where the source is not open to this user.
        """
        exposures: Sequence[SymbolExposure] = ()
        chains: Mapping[str, Chain] = {}
        missing: Sequence[Missing] = [Missing(one, MissingReason.TIMED_OUT, "It did not arrive in time.") for one in symbols]
        provenance: Provenance | None = None
        with anyio.move_on_after(min(_length(step), _LONGEST_WAIT).total_seconds()):
            if isinstance(self._source, ChainSource):
                found = await self._source.chains(symbols, None)
                answer = await anyio.to_thread.run_sync(measured, found)
                chains = found.chains
            else:
                answer = await self._source.exposures(symbols, None)
            exposures, missing, provenance = list(answer.exposures.values()), answer.missing, answer.provenance
        if not exposures and missing and all(one.reason is MissingReason.NOT_ENTITLED for one in missing):
            raise RecordingRefusedError(missing[0].detail)
        if provenance is None or not exposures:
            self._say(f"{_clock(due)}: nothing arrived{_told(missing)}.")
            return False
        known = self._clockwork.clock()
        units = provenance.units or ""
        arrived = {one.symbol: _Entry(_day(known), units, one, chains.get(one.symbol)) for one in exposures}
        # Whoever ends the recorder in this moment waits for the disk, so that what is stored is also said.
        with anyio.CancelScope(shield=True):
            new = await anyio.to_thread.run_sync(self._store, symbols, known, arrived, provenance.units)
            contracts = sum(len(one.chain) for one in new if one.chain is not None)
            stored = (
                f"stored {len(new)} of {len(symbols)} names{f' with {contracts:,} contracts' if contracts else ''}, known from "
                f"{known.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
            )
            repeated = len(arrived) - len(new)
            unchanged = f"; unchanged and not stored again: {repeated}" if repeated else ""
            self._say(f"{_clock(due)}: {stored if new else 'nothing new'}{unchanged}{_told(missing)}.")
        return True

    def _store(
        self, symbols: Sequence[str], known: datetime, arrived: Mapping[str, _Entry], units: str | None
    ) -> Collection[_Entry]:
        """Append what is new, all or nothing; which entries that were."""
        if self._stored is None:
            self._stored = self._held(symbols, known)
        new = {symbol: one for symbol, one in arrived.items() if not one.repeats(self._stored.get(symbol))}
        if new:
            self._archive.append(
                known,
                [one.exposure for one in new.values()],
                source=self._source_name,
                chains=[one.chain for one in new.values() if one.chain is not None],
                units=units,
            )
            self._stored.update(new)
        return new.values()

    def _held(self, symbols: Sequence[str], known: datetime) -> dict[str, _Entry]:
        """What a recorder before this one stored last of these symbols, as far as it is of the same date."""
        rows = self._archive.as_of(symbols, known, staleness=_OLDEST_QUOTES, source=self._source_name)
        today = {one: instant for one, instant in rows.known.items() if _day(instant) == _day(known)}
        stored = self._archive.chains_as_of(list(today), known, staleness=_OLDEST_QUOTES, source=self._source_name)
        units = rows.family.units if rows.family is not None else ""
        return {
            symbol: _Entry(
                _day(instant),
                units,
                rows.exposures[symbol],
                stored.chains[symbol] if stored.known.get(symbol) == instant else None,
            )
            for symbol, instant in today.items()
        }

    async def _wait_until(self, instant: datetime) -> None:
        while (left := (instant - self._clockwork.clock()).total_seconds()) > 0:
            await self._clockwork.sleep(min(left, _LONGEST_SLEEP_SECONDS))

    async def _export(self, through: date | None) -> None:
        """Move finished days into their files; what cannot be moved today can be tomorrow."""
        with anyio.CancelScope(shield=True):
            try:
                await anyio.to_thread.run_sync(partial(self._archive.export_finished_days, through=through))
            except ArchiveError as problem:
                self._say(str(problem))


def say_line(line: str) -> None:
    """Print a line on stdout, and not later; on stderr where that is a file on a full disk, which must not end a recording."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")


async def until_signalled(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` to its end, or until SIGINT or SIGTERM asks this process to stop."""
    if sys.platform == "win32":
        await work()
        return
    import signal

    async def stop_on_signal(scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                scope.cancel()

    problem: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(stop_on_signal, group.cancel_scope)
        try:
            await work()
        except Exception as raised:  # noqa: BLE001 - raised again below, where no group wraps it
            problem = raised
        group.cancel_scope.cancel()
    if problem is not None:
        raise problem


def _length(step: Step) -> timedelta:
    minutes = {Step.MINUTE: 1, Step.FIVE_MINUTES: 5, Step.FIFTEEN_MINUTES: 15, Step.THIRTY_MINUTES: 30, Step.HOUR: 60}
    return timedelta(minutes=0.9 * minutes.get(step, 60))


def _told(missing: Sequence[Missing]) -> str:
    if not missing:
        return ""
    names = ", ".join(f"{one.symbol} ({one.reason.value})" for one in missing[:_NAMES_TOLD])
    more = f" and {len(missing) - _NAMES_TOLD} more" if len(missing) > _NAMES_TOLD else ""
    return f"; missing {names}{more}"


def _day(instant: datetime) -> date:
    return instant.astimezone(EASTERN).date()


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern"
