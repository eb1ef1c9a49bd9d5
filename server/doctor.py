"""`doctor`: is everything in place for an answer, and if not, what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from server.settings import Settings, SettingsError
    from sources.base import SourceStatus

_OLDEST_PYTHON = (3, 11)
_ADVICE_WHERE_EMPTY = {
    "files": "Point --files-dir (DEALER_EXPOSURE_FILES_DIR) at a folder that holds chain files.",
    "archive": "Record or import something, or point --archive-dir (DEALER_EXPOSURE_ARCHIVE_DIR) at an archive that you have.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do where it is not in order."""

    ok: bool
    subject: str
    detail: str
    advice: str = ""

    def line(self) -> str:
        verdict = "ok     " if self.ok else "problem"
        return f"{verdict}  {self.subject}: {self.detail}" + (
            f"\n         -> {self.advice}" if self.advice and not self.ok else ""
        )


def examine(settings: Settings) -> int:
    """Look at everything, print a line each on stdout. Returns 0 when all is well, else 1."""
    return _report(
        [_python(), _settings(settings), *_convention(settings), *_time(), *anyio.run(_answers, settings), *_archive(settings)]
    )


def examine_broken_settings(problem: SettingsError) -> int:
    """The report where the settings themselves cannot be used. Returns 1."""
    findings = [Finding(False, "settings", sentence, "Correct or remove it.") for sentence in str(problem).splitlines()]
    return _report([_python(), *findings, *_time()])


def _report(findings: list[Finding]) -> int:
    for finding in findings:
        sys.stdout.write(f"{finding.line()}\n")
    problems = sum(not finding.ok for finding in findings)
    sys.stdout.write(f"{problems} of {len(findings)} checks found a problem.\n" if problems else "Everything is in order.\n")
    return 1 if problems else 0


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(sys.version_info >= _OLDEST_PYTHON, "Python", found, "Install Python 3.11 or newer.")


def _settings(settings: Settings) -> Finding:
    changed = [f"{name}={value}" for name, value in settings.changed().items()]
    if settings.flashalpha_api_key is not None:
        changed.append("a FlashAlpha key is set")
    return Finding(True, "settings", ", ".join(changed) or "all defaults")


def _convention(settings: Settings) -> Iterator[Finding]:
    from exposure.dealer import SignConvention
    from server.settings import SourceName

    vendor = SourceName.FLASHALPHA in (settings.live_source, settings.replay_source)
    if vendor and settings.convention is not SignConvention.STREET:
        yield Finding(
            False,
            "convention",
            f"FlashAlpha publishes nets under the convention street, so {settings.convention.value} has no answer from it",
            "Remove DEALER_EXPOSURE_CONVENTION or set it to street.",
        )


def _time() -> Iterator[Finding]:
    from exposure.sessions import EASTERN, FIRST_DAY, LAST_DAY
    from server.app import now

    noon_in_july = datetime(2024, 7, 1, 12, tzinfo=EASTERN).utcoffset()
    eastern_works = noon_in_july is not None and noon_in_july.total_seconds() == -4 * 3600
    yield Finding(
        eastern_works,
        "time zones",
        "America/New_York loads" if eastern_works else "America/New_York gives a wrong offset",
        "Reinstall the package tzdata in this environment.",
    )
    today = now().astimezone(EASTERN)
    yield Finding(
        FIRST_DAY <= today.date() <= LAST_DAY,
        "clock",
        f"{today:%Y-%m-%d %H:%M} Eastern; the trading calendar covers {FIRST_DAY} to {LAST_DAY}",
        "Set the system clock; if it is right, install a newer version with a longer calendar.",
    )


async def _answers(settings: Settings) -> list[Finding]:
    """What the source says of itself, and the self-check through the tool an assistant would use."""
    from mcp import Client

    from server.app import build_market, build_server

    market = build_market(settings)
    # The server opens the market for as long as it runs.
    async with Client(build_server(settings, market=market)) as client:
        try:
            status = await market.status()
            sources = (
                [_source("source", status.live)]
                if status.replay is status.live
                else [_source("live source", status.live), _replay_source(settings, status.replay)]
            )
            sources += [Finding(one.passed, one.subject, one.detail, one.advice) for one in await market.checks()]
        except Exception as problem:  # noqa: BLE001 - whatever a source stumbles over is what this command is for
            sources = [
                Finding(
                    False,
                    "source",
                    f"{settings.live_source.value} cannot be read ({type(problem).__name__})",
                    "Run again with --log-level DEBUG for details.",
                )
            ]
        return [*sources, _self_check(await client.call_tool("data_status", {}))]


def _replay_source(settings: Settings, status: SourceStatus) -> Finding:
    from server.settings import SourceName

    finding = _source("replay source", status)
    if SourceName.ARCHIVE not in (settings.source, settings.replay) and status.source == SourceName.ARCHIVE.value:
        # Nobody asked for an archive; it is only where the past of such a live source would be.
        return replace(finding, ok=True)
    if not finding.ok or status.replay_from is not None:
        return finding
    advice = "Choose another with DEALER_EXPOSURE_REPLAY, or leave it unset."
    return Finding(False, finding.subject, f"{status.source} answers for now alone and has nothing of the past", advice)


def _source(subject: str, status: SourceStatus) -> Finding:
    symbols = "symbols on demand" if status.symbols is None else f"{len(status.symbols)} symbols"
    newest = f"newest quote {status.newest_quote:%Y-%m-%d %H:%M} UTC" if status.newest_quote else "no quote yet"
    label = "synthetic, not market data; " if status.synthetic else ""
    remarks = "".join(f". {remark.removesuffix('.')}" for remark in status.remarks)
    usable = status.symbols is None or bool(status.symbols)
    return Finding(
        usable,
        subject,
        f"{status.source}: {label}{symbols}, {newest}{remarks}",
        _ADVICE_WHERE_EMPTY.get(status.source, "Choose another source."),
    )


def _archive(settings: Settings) -> Iterator[Finding]:
    """Whether the archive can be read, what it covers, and what is in quarantine; nothing where nobody has or wants one."""
    from archive.answers import ArchiveError
    from server.app import now
    from server.settings import SourceName
    from server.wiring import open_archive

    folder = settings.archive_folder
    try:
        held = open_archive(settings, now).coverage()
    except ArchiveError as problem:
        yield Finding(False, "archive", f"{folder} cannot be used: {problem}", "Look at the folder, or set --archive-dir.")
        return
    if held.quarantined:
        told = f"damaged files in quarantine in {folder}: {len(held.quarantined)}. {held.quarantined[0]}"
        yield Finding(False, "archive", told, "The rest answers; import or backfill again what is lost.")
    elif held.first is not None and held.last is not None:
        span = f"{held.first:%Y-%m-%d %H:%M} to {held.last:%Y-%m-%d %H:%M} UTC from {' and '.join(held.sources)}"
        yield Finding(True, "archive", f"{held.rows:,} exposures of {len(held.symbols):,} symbols, {span}, in {folder}")
    elif SourceName.ARCHIVE in (settings.live_source, settings.replay_source):
        yield Finding(True, "archive", f"nothing in {folder} yet; record, import and backfill fill it")


def _self_check(result: CallToolResult) -> Finding:
    if result.is_error or result.structured_content is None:
        said = " ".join(block.text for block in result.content if block.type == "text")
        return Finding(False, "self-check", said, "Reinstall the package; if it stays, report it with the log.")
    checks = result.structured_content["self_check"]
    failed = [check["name"] for check in checks if not check["passed"]]
    return Finding(
        not failed,
        "self-check",
        f"{len(checks) - len(failed)} of {len(checks)} golden values reproduced"
        + (f"; not {', '.join(failed)}" if failed else ""),
        "Reinstall the package; if it stays, report it.",
    )
