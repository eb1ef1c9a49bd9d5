"""The commands that fill and look after the archive: `record`, `import`, `backfill` and `archive`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from archive.answers import ArchiveCoverage, ArchiveError, Tidied
from exposure.instruments import canonical_symbol
from exposure.sampling import Step
from exposure.sessions import EASTERN, FIRST_DAY, eastern
from server.settings import Settings, SourceName, flag
from server.wiring import build_source, open_archive
from sources.baskets import BasketCatalogue, normalised_name

if TYPE_CHECKING:
    from argparse import Namespace

    from archive.store import Archive
    from server.backfill import FromVendor
    from sources.base import Source

OK, PROBLEM, ERROR = 0, 1, 2
_MOST_THREADS = 4


class RefusedError(Exception):
    """A command that cannot be carried out as it was given; the message is one sentence for a person."""


def run_import(options: Namespace, settings: Settings) -> int:
    """Import chain files. 0 where every chain was taken, 1 where some were dropped, 2 where nothing could begin."""
    from server.importing import SOURCE, ImportRefusedError, print_import

    try:
        archive = None if options.dry_run else _archive_for(settings, SOURCE)
        paths = [Path(path).expanduser() for path in options.paths]
        whole = print_import(archive, options.format, paths, now=_now(), flat_rate=settings.flat_rate)
    except (ArchiveError, ImportRefusedError, RefusedError) as problem:
        return _refused(problem)
    return OK if whole else PROBLEM


def run_record(options: Namespace, settings: Settings) -> int:
    """Record the live source until a signal ends it. 0 at such an end, 1 where `--once` got nothing, 2 where it is refused."""
    from server.record import RecordingRefusedError, until_signalled

    outcome: list[bool] = []
    try:
        name = settings.live_source
        _refuse_what_is_not_recorded(name, settings)
        symbols = _symbols(options, settings)
        if not symbols:
            raise RefusedError("Say what to record: --baskets semis,banks or --symbols SPX,NVDA, or both.")
        archive = _archive_for(settings, name.value)
        _refuse_what_cannot_be_written(settings.archive_folder)
        anyio.run(until_signalled, partial(_record, settings, archive, symbols, options, outcome))
    except (ArchiveError, RecordingRefusedError, RefusedError) as problem:
        return _refused(problem)
    return PROBLEM if outcome == [False] else OK


async def _record(settings: Settings, archive: Archive, symbols: Sequence[str], options: Namespace, outcome: list[bool]) -> None:
    from server.record import Clockwork, Recorder, say_line
    from sources.background import Background
    from sources.base import CheckedSource

    step = Step(options.every)
    background = Background()
    async with background:
        source = await anyio.to_thread.run_sync(build_source, settings.live_source, settings, _now, background)
        if isinstance(source, CheckedSource) and not options.once:
            for check in [one for one in await source.checks() if not one.passed]:
                _say(check.detail)
        recorder = Recorder(source, settings.live_source.value, archive, Clockwork(_now), say_line)
        if options.once:
            outcome.append(await recorder.take(symbols, _now(), step))
        else:
            names = f"{len(symbols)} name{'' if len(symbols) == 1 else 's'}"
            say_line(f"Recording {names} every {step.value} into {settings.archive_folder}; Ctrl-C ends it.")
            await recorder.run(symbols, step)


def run_backfill(options: Namespace, settings: Settings) -> int:
    """Compute or fetch exposures of the past. 0 when all is there, 1 where it ended early, 2 where it is refused."""
    try:
        return _from_vendor(options, settings) if options.origin == "flashalpha" else _from_chains(options, settings)
    except (ArchiveError, RefusedError, ValueError) as problem:
        return _refused(problem)


def _from_chains(options: Namespace, settings: Settings) -> int:
    from server.backfill import backfill_from_chains
    from server.progress import ProgressLine

    archive = open_archive(settings, _now)
    held = archive.chains_held()
    if options.calls is not None:
        raise RefusedError("--calls is for backfill flashalpha; computing from the archive's own chains costs no calls.")
    symbols = _symbols(options, settings) or held.symbols
    if not symbols or held.first is None:
        raise RefusedError("The archive holds no chains to compute from; fill it with record or import first.")
    start, stop = _window(options, held.first)
    instants = _instants(start, stop, options)
    line = ProgressLine("Computing symbol-days:")
    with ThreadPoolExecutor(options.threads or min(_MOST_THREADS, os.cpu_count() or 1)) as executor:
        try:
            stored = backfill_from_chains(
                archive,
                symbols,
                instants,
                staleness=timedelta(days=settings.staleness_days),
                executor=executor,
                told=line.show,
            )
        finally:
            line.end()
    sys.stdout.write(
        f"Exposures computed and stored: {stored.rows_new:,}; already there: {stored.rows_already_there:,}; "
        f"different from what is there, which was left as it is: {stored.rows_different:,}.\n"
    )
    return PROBLEM if stored.rows_different else OK


def _from_vendor(options: Namespace, settings: Settings) -> int:
    from server.backfill import backfill_from_vendor
    from server.progress import ProgressLine
    from sources.background import Background

    if options.calls is None:
        raise RefusedError("Every symbol and instant asked of FlashAlpha is a call of your quota; allow some with --calls 500.")
    if settings.flashalpha_api_key is None:
        raise RefusedError("FlashAlpha needs a key: set FLASHALPHA_API_KEY, or name a file with it.")
    symbols = _symbols(options, settings)
    if not symbols or options.start is None:
        raise RefusedError("Say what to fetch and from when: --symbols SPY --from 2024-01-02.")
    archive = _archive_for(settings, SourceName.FLASHALPHA.value)
    start, stop = _window(options, None)
    instants = _instants(start, stop, options)
    line = ProgressLine("Fetching instants:")

    async def fetch() -> int:
        background = Background()
        async with background:
            name = SourceName.FLASHALPHA
            source: Source = await anyio.to_thread.run_sync(build_source, name, settings, _now, background)
            try:
                done = await backfill_from_vendor(
                    source, name.value, archive, symbols, instants, calls=options.calls, told=line.show
                )
            finally:
                line.end()
        sys.stdout.write(
            f"Exposures fetched and stored: {done.stored.rows_new:,}, with {done.calls:,} of {options.calls:,} calls. "
            f"{' '.join(_left_over(done)) or 'Nothing is left to fetch.'}\n"
        )
        return PROBLEM if done.stopped or done.not_given else OK

    return anyio.run(fetch)


def _left_over(done: FromVendor) -> list[str]:
    """What a backfill from a vendor has not fetched, a sentence each."""
    from server.backfill import IN_VAIN_IN_A_ROW

    told = []
    if done.not_given:
        told.append(
            f"Asked for and not given, a symbol and an instant each: {done.not_given:,}; the last: {done.not_given_because}"
        )
    if done.given_up:
        told.append(f"After {IN_VAIN_IN_A_ROW} of those in a row no more was asked of {', '.join(done.given_up)}.")
    return [*told, *([done.stopped] if done.stopped and done.stopped != done.not_given_because else [])]


def run_archive(options: Namespace, settings: Settings) -> int:
    """Look at the archive or tidy it up. 0 when all is well, 1 where a file is damaged, 2 where the folder cannot be used."""
    archive = open_archive(settings, _now)
    try:
        match options.action:
            case "status":
                held = archive.coverage()
                sys.stdout.writelines(f"{line}\n" for line in status_lines(settings.archive_folder, held))
                return PROBLEM if held.quarantined else OK
            case "check":
                done = archive.check()
                quarantined = archive.coverage().quarantined
                remarks = dict.fromkeys((*done.remarks, *quarantined))
                sys.stdout.writelines(f"{remark}\n" for remark in remarks)
                sys.stdout.write("Every file was read completely.\n" if not remarks else "Everything else was read completely.\n")
                return PROBLEM if remarks else OK
            case "compact":
                return _told([archive.export_finished_days(), archive.rebuild_series(), archive.compact()])
            case _:
                return _told([archive.export_finished_days(), archive.rebuild_series(everything=True)])
    except ArchiveError as problem:
        return _refused(problem)


def status_lines(folder: Path, held: ArchiveCoverage) -> list[str]:
    """What the archive holds, a line each."""
    if held.first is None or held.last is None:
        return [f"folder   {folder}", "holds    nothing yet; record, import or backfill fill it", *held.quarantined]
    families = ", ".join(f"{family.source} ({family.kind.value})" for family in sorted(held.families))
    return [
        f"folder   {folder}",
        f"holds    {_held(held)}, {_size(held.bytes)}",
        f"sources  {families}",
        f"first    {_clock(held.first)}",
        f"last     {_clock(held.last)}",
        *(f"damaged  {sentence}" for sentence in held.quarantined),
    ]


def _held(held: ArchiveCoverage) -> str:
    parts = ((held.rows, "exposure"), (len(held.symbols), "symbol"), (len(held.sessions), "day"))
    rows, symbols, days = (f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in parts)
    return f"{rows} of {symbols} on {days}"


def _told(steps: Sequence[Tidied]) -> int:
    remarks = dict.fromkeys(remark for one in steps for remark in one.remarks)
    sys.stdout.writelines(f"{remark}\n" for remark in remarks)
    written, removed = sum(one.written for one in steps), sum(one.removed for one in steps)
    sys.stdout.write(f"{written:,} files written, {removed:,} removed.\n")
    return PROBLEM if remarks else OK


def _archive_for(settings: Settings, source: str) -> Archive:
    """The archive, once it is known that rows of `source` may go into it: synthetic and real data never share a folder."""
    archive = open_archive(settings, _now)
    held = archive.coverage().sources
    synthetic = SourceName.DEMO.value
    if held and (synthetic in held) is not (source == synthetic):
        what = "synthetic data of the demo market" if synthetic in held else f"real data ({', '.join(held)})"
        raise RefusedError(
            f"The archive in {settings.archive_folder} holds {what}, and synthetic and real data are never mixed; "
            f"name another folder with {flag('archive_dir')}."
        )
    return archive


def _refuse_what_is_not_recorded(name: SourceName, settings: Settings) -> None:
    if name in (SourceName.FILES, SourceName.ARCHIVE):
        raise RefusedError(
            f"The source {name.value} is your own data already; record a live one (--source cboe or flashalpha), or use import."
        )
    if name is SourceName.DEMO and settings.archive_dir is None:
        raise RefusedError(
            "The source is the synthetic demo market, which is recorded only into a folder of its own: "
            f"give {flag('archive_dir')}, or choose --source cboe or flashalpha."
        )


def _refuse_what_cannot_be_written(folder: Path) -> None:
    """Before the first snapshot, which may be days away; nothing is created for it."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise RefusedError(f"The archive cannot be in {folder}, because {there} is a file; name another folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RefusedError(f"Nothing can be written into {there}; check its permissions, or name another folder.")


def _symbols(options: Namespace, settings: Settings) -> tuple[str, ...]:
    """The names of --baskets with their index or fund, and those of --symbols, each once."""
    catalogue = BasketCatalogue(settings.baskets)
    found: list[str] = []
    for name in _listed(options.basket_names):
        basket = catalogue.baskets().get(normalised_name(name))
        if basket is None:
            raise RefusedError(f"There is no basket {name!r}; there are {', '.join(catalogue.baskets())}.")
        found += [*basket.symbols, *basket.fund]
    for text in _listed(options.symbols):
        symbol = canonical_symbol(text)
        if symbol is None:
            raise RefusedError(f"{text!r} is not a symbol; write tickers as in SPX,NVDA,BRK.B.")
        found.append(symbol)
    return tuple(dict.fromkeys(found))


def _listed(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _window(options: Namespace, otherwise: date | None) -> tuple[datetime, datetime]:
    """From the beginning of one Eastern day to the end of another, and never later than now."""
    today = _now().astimezone(EASTERN).date()
    start = _day(options.start, "--from") if options.start else (otherwise or today)
    stop = _day(options.stop, "--to") if options.stop else today
    if stop < start:
        raise RefusedError(f"The window ends before it starts ({start} to {stop}); swap --from and --to.")
    return eastern(max(start, FIRST_DAY), 0), min(eastern(stop, 23, 59), _now())


def _instants(start: datetime, stop: datetime, options: Namespace) -> list[datetime]:
    from server.backfill import instants_of

    instants = instants_of(start, stop, Step(options.step))
    if not instants:
        days = f"{start.astimezone(EASTERN):%Y-%m-%d} to {stop.astimezone(EASTERN):%Y-%m-%d}"
        raise RefusedError(
            f"With --step {options.step} there is no instant to compute from {days}; name other days or another step."
        )
    return instants


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"{where} is {text!r}; write a date as in 2024-06-05.") from None


def _size(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number < 1e9 else f"{number / 1e9:,.2f} GB"


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(EASTERN):%Y-%m-%d %H:%M} Eastern"


def _now() -> datetime:
    return datetime.now(UTC)


def _say(sentence: str) -> None:
    sys.stderr.write(f"dealer-exposure-mcp: {sentence}\n")


def _refused(problem: Exception) -> int:
    _say(str(problem))
    return ERROR
