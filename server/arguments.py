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

Every setting is also an environment variable, DEALER_EXPOSURE_SOURCE and so on; a flag wins."""
_CALL_HELP = """\
Asks one question and prints what the assistant would get: the text, or with --json the structured content.
Arguments are key=value pairs (a value that reads as JSON is JSON), one JSON object, @file with a JSON object, or - to read the
object from stdin. Exit code 0 with an answer; 2 with the error on stderr when the tool refuses or the command is wrong."""


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
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, summary: str, description: str | None = None) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description or f"{summary[0].upper()}{summary[1:]}.",
            parents=[shared],
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
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings")
    for name, field in flags():
        group.add_argument(
            flag(name),
            dest=name,
            default=argparse.SUPPRESS,
            metavar={"files_dir": "FOLDER", "baskets": "FILE", "flashalpha_api_key_file": "FILE"}.get(name, "VALUE"),
            help=f"{field.description} ({allowed(field).replace('`', '')})",
        )


def _unrecognised(argument: str) -> str:
    known: Iterable[str] = [*(flag(name) for name, _ in flags()), "--json", "--text", "--version", "--help"]
    close = difflib.get_close_matches(argument.partition("=")[0], known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{argument!r} is not understood{hint} (an argument of a tool is written name=value, without dashes)"
