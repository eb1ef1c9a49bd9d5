"""The grammar of the command line."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import NoReturn

from server.hosts import HOSTS
from server.settings import allowed, flag, flags

_PROGRAM = "dealer-exposure-mcp"
_DESCRIPTION = """\
Dealer exposure (GEX, DEX, VEX, CHEX) of baskets of symbols, for AI assistants, over MCP.

Without a command it is the MCP server: it speaks the protocol on stdin and stdout and is started by a host such as Claude
Desktop, Cursor or Windsurf. The default source is a synthetic demo market; it needs no key and no network."""
_EXAMPLES = """\
examples:
  dealer-exposure-mcp demo
  dealer-exposure-mcp call basket_exposure symbols=NVDA,AMD,AVGO weights=4,3,3
  dealer-exposure-mcp call basket_exposure basket=semis at=2024-06-05T10:30 --json
  dealer-exposure-mcp call data_status --source files --files-dir chains
  dealer-exposure-mcp config claude-desktop
  dealer-exposure-mcp import auto chains --dry-run
  dealer-exposure-mcp record --source cboe --baskets semis --every 5m

Every setting is also an environment variable, DEALER_EXPOSURE_SOURCE and so on; a flag wins."""
_CALL_HELP = """\
Asks one question and prints what the assistant would get: the text, or with --json the structured content.
Arguments are key=value pairs (a value that reads as JSON is JSON), one JSON object, @file with a JSON object, or - to read the
object from stdin. Exit code 0 with an answer; 2 with the error on stderr when the tool refuses or the command is wrong."""

_RECORD_HELP = """\
Records the live source (--source or --live) into the archive: a snapshot every five minutes, or as --every says, of each NYSE
session (a half day ends at 13:00), and where quotes are delayed 16 minutes later. Prints one line a snapshot, once it is on disk.
An instant that was slept through is skipped; started again, it goes on. Ctrl-C or SIGTERM ends it with exit code 0.
From the demo market it records only into a folder named with --archive-dir: synthetic data are never mixed with real ones.
--baskets are names here, and the index or fund of a basket comes along; give a file with your own baskets before the command."""
_IMPORT_HELP = """\
Imports chain files into the archive, where each chain is known from the stamp it carries on. Importing the same again changes
nothing, so an interrupted import is continued by running it again. What cannot be used is dropped with a line that says why.
Files of lean-csv are daily and known from the close of the day in their name (goog_20151224.csv).
Exit code 0 if everything was taken, 1 if something was dropped, 2 with the error on stderr."""
_BACKFILL_HELP = """\
Stores exposures of the past. With chains (the default) it computes them from the chains the archive holds, --threads at once;
with flashalpha it asks FlashAlpha for what the archive lacks, newest first, for at most --calls calls of your quota. Both are
resumed by running them again. Exit code 0 if all is there, 1 if it ended early, 2 with the error on stderr."""
_ARCHIVE_HELP = """\
  status   what the archive holds
  check    read every file completely; damaged ones are put into quarantine, and the rest still answers
  compact  write finished days into their files, bring the scan projection up to date, remove what was replaced
  rebuild  write the scan projection anew
Exit code 0 if all is well, 1 if a file is damaged, 2 with the error on stderr."""
# Repeated here because the modules that define them import numpy; a test holds them together.
IMPORT_FORMATS = ("cboe-json", "cboe-csv", "quote-list", "table-csv", "lean-csv", "auto")
RECORD_STEPS = ("1m", "5m", "15m", "30m", "1h", "1d")
BACKFILL_STEPS = (*RECORD_STEPS, "1w", "1mo")
_METAVARS = {"files_dir": "FOLDER", "archive_dir": "FOLDER", "baskets": "FILE", "flashalpha_api_key_file": "FILE"}


class _Parser(argparse.ArgumentParser):
    """An argument parser that says what was wrong in a line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{_PROGRAM}: {message}. See {self.prog} --help.\n")
        raise SystemExit(2)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of a command line. Raises SystemExit after printing help, version or what was wrong."""
    parser = _build()
    options, left = parser.parse_known_args(arguments)
    flags = [one for one in left if one.startswith("-") and one != "-"]
    if options.command == "call" and not flags:
        # argparse takes positionals only up to the first flag; `call TOOL --json key=value` reads just as well.
        options.arguments += left
    elif left:
        parser.error(_unrecognised(left[0] if not flags else flags[0]))
    return options


def _build() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {version(_PROGRAM)}")
    _add_settings(parser)
    # A subcommand must not reset a flag given before it, hence the suppressed defaults of the shared flags.
    shared = _Parser(add_help=False, allow_abbrev=False)
    _add_settings(shared)
    # Where --baskets are names, the file with the user's own cannot go by that flag.
    without_baskets = _Parser(add_help=False, allow_abbrev=False)
    _add_settings(without_baskets, without="baskets")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, summary: str, description: str | None = None, parent: _Parser = shared) -> _Parser:
        return commands.add_parser(
            name,
            help=summary,
            description=description or f"{summary[0].upper()}{summary[1:]}.",
            parents=[parent],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    command("demo", "a report on three sectors of the synthetic demo market, through a real server and client")
    call = command("call", "ask one question and print the answer", _CALL_HELP)
    call.add_argument("tool", metavar="TOOL", help="basket_exposure, data_status, ...")
    call.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="key=value ..., a JSON object, @file or -")
    shape = call.add_mutually_exclusive_group()
    shape.add_argument("--json", dest="as_json", action="store_true", help="the structured content, as one line of JSON")
    shape.add_argument("--text", dest="as_json", action="store_false", help="the text the assistant reads (default)")
    config = command("config", "the configuration to paste into your assistant; on stderr where to paste it")
    config.add_argument("host", choices=list(HOSTS), metavar="HOST", help=", ".join(HOSTS))
    command("doctor", "check settings, source, time zones and clock, and say what to do")
    record = command("record", "record the live source into the archive while the exchange trades", _RECORD_HELP, without_baskets)
    _add_names(record)
    record.add_argument("--every", choices=RECORD_STEPS, default="5m", help="distance of two snapshots (default 5m)")
    record.add_argument("--once", action="store_true", help="take one snapshot now, whatever the hour, and end")
    importing = command("import", "import chain files into the archive", _IMPORT_HELP)
    importing.add_argument("format", choices=IMPORT_FORMATS, metavar="FORMAT", help=", ".join(IMPORT_FORMATS))
    importing.add_argument("paths", nargs="+", metavar="PATH", help="files, or folders with files")
    importing.add_argument("--dry-run", action="store_true", help="say what would be taken and dropped, and write nothing")
    _add_backfill(command("backfill", "compute or fetch exposures of the past", _BACKFILL_HELP, without_baskets))
    archive = command("archive", "look at the archive, check it, tidy it up", _ARCHIVE_HELP)
    archive.add_argument("action", choices=("status", "check", "compact", "rebuild"), metavar="ACTION", help="see above")
    return parser


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--baskets", dest="basket_names", metavar="NAMES", help="baskets by name, as in semis,banks")
    parser.add_argument("--symbols", metavar="SYMBOLS", help="symbols, as in SPX,NVDA,BRK.B")


def _add_backfill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "origin", nargs="?", choices=("chains", "flashalpha"), default="chains", metavar="ORIGIN", help="see above"
    )
    _add_names(parser)
    parser.add_argument("--from", dest="start", metavar="DATE", help="first day, as in 2024-01-02")
    parser.add_argument("--to", dest="stop", metavar="DATE", help="last day (default today)")
    parser.add_argument(
        "--step", choices=BACKFILL_STEPS, default="1d", help="distance of two instants; 1d is each close (default)"
    )
    parser.add_argument("--calls", type=_above_zero, metavar="NUMBER", help="with flashalpha: how many calls it may cost")
    parser.add_argument(
        "--threads", type=_above_zero, metavar="NUMBER", help="with chains: how many at once (default one a core)"
    )


def _above_zero(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def _add_settings(parser: argparse.ArgumentParser, without: str | None = None) -> None:
    group = parser.add_argument_group("settings")
    for name, field in flags():
        if name == without:
            continue
        group.add_argument(
            flag(name),
            dest=name,
            default=argparse.SUPPRESS,
            metavar=_METAVARS.get(name, "VALUE"),
            help=f"{field.description} ({allowed(field).replace('`', '')})",
        )


def _unrecognised(argument: str) -> str:
    known: Iterable[str] = [*(flag(name) for name, _ in flags()), "--json", "--text", "--version", "--help"]
    close = difflib.get_close_matches(argument.partition("=")[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{argument!r} is not understood{hint} (an argument of a tool is written name=value, without dashes)"
