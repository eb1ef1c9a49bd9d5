"""The command line. Without a subcommand it is the MCP server itself, over stdin and stdout.

A host starts this process and waits, so nothing is imported before it is known to be needed.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from server.settings import Settings

OK, PROBLEM, USAGE = 0, 1, 2
_BROKEN_PIPE = 141  # what a shell reports for a command whose reader went away
_INTERRUPTED = 130

WAITING = """\
dealer-exposure-mcp is an MCP server and now waits for an MCP client (Claude Desktop, Cursor, Windsurf) on standard input.
Run by hand, these do something at once:
  dealer-exposure-mcp demo                    a report on three sectors of the demo market
  dealer-exposure-mcp call data_status        one question, the answer as text
  dealer-exposure-mcp config claude-desktop   what to put into your assistant's configuration
Ctrl-C ends it.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code: 0, 1 for a problem found, 2 for an error or wrong usage."""
    if sys.platform == "win32":
        _speak_utf8()
    # Nothing that imports leave behind is garbage; collecting while they run costs a tenth of the start.
    gc.disable()
    try:
        code = run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        _write_nowhere()
        code = _BROKEN_PIPE
    except Exception as problem:
        if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
            # Commands say this of their own files; what is left is what they print, into a log for example.
            _write_nowhere()
            with suppress(OSError):
                _say(f"{problem.filename or 'The output'} could not be written: no space is left on the device.")
        else:
            logging.getLogger(__name__).exception(
                "The command failed in an unexpected way; dealer-exposure-mcp doctor may know why"
            )
        code = PROBLEM
    sys.exit(code)


def _write_nowhere() -> None:
    # The interpreter flushes stdout once more on its way out; give it somewhere to write to.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    from server.settings import Settings, SettingsError, secrets, unknown_variables

    options = _parsed(arguments) if arguments else None
    if isinstance(options, int):
        return options
    overrides = _overrides(options) if options else {}
    for sentence in unknown_variables():
        _say(sentence)
    try:
        settings = Settings.load(overrides)
    except SettingsError as problem:
        if options is None or options.command != "doctor":
            _say(str(problem))
            return USAGE
        from server.doctor import examine_broken_settings

        return examine_broken_settings(problem)
    from server.logs import set_up_logs

    set_up_logs(settings.log_level.value, settings.log_format, (*secrets(), *settings.secrets))
    if options is None or options.command is None:
        return _serve(settings)
    gc.enable()
    return _commands()[options.command](options, settings)


def _serve(settings: Settings) -> int:
    """The stdio server, until its host closes stdin."""
    import signal

    if sys.stdin is not None and sys.stdin.isatty():
        sys.stderr.write(WAITING)
        sys.stderr.flush()
    from server.app import build_server

    server = build_server(settings, warm_up=True)
    # What is loaded now stays; without the freeze every collection would walk through all of it.
    gc.freeze()
    gc.enable()
    # A thread blocked in reading stdin would hold the process until the next line; this server has nothing to save.
    signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    code = OK
    try:
        server.run("stdio")
    except* BrokenPipeError:
        code = _BROKEN_PIPE  # the host is gone and reads no more
    finally:
        _drop_stray_output()
    if _is_preparing():
        # Python's own ending stops threads wherever they are, and compiled code such as pydantic's aborts the process then.
        os._exit(code)
    return code


def _is_preparing() -> bool:
    from server.warm_up import THREAD_NAME

    return any(thread.name == THREAD_NAME for thread in threading.enumerate())


def _drop_stray_output() -> None:
    """Send what somebody printed while we served, and Python still holds back, to stderr: stdout is the wire again by now."""
    with suppress(OSError, ValueError):
        os.dup2(2, 1)
        sys.stdout.flush()


def _commands() -> Mapping[str, Callable[[Namespace, Settings], int]]:
    return {
        "demo": _demo,
        "call": _call,
        "config": _config,
        "doctor": _doctor,
        "record": _record,
        "import": _import,
        "backfill": _backfill,
        "archive": _archive,
    }


def _demo(_: Namespace, settings: Settings) -> int:
    from server.demo_report import print_demo_report

    return print_demo_report(settings)


def _call(options: Namespace, settings: Settings) -> int:
    from server.call import call_once

    return call_once(settings, options.tool, options.arguments, as_json=options.as_json)


def _config(options: Namespace, settings: Settings) -> int:
    from server.hosts import print_host_configuration

    return print_host_configuration(options.host, settings)


def _doctor(_: Namespace, settings: Settings) -> int:
    from server.doctor import examine

    return examine(settings)


def _record(options: Namespace, settings: Settings) -> int:
    from server.archive_commands import run_record

    return run_record(options, settings)


def _import(options: Namespace, settings: Settings) -> int:
    from server.archive_commands import run_import

    return run_import(options, settings)


def _backfill(options: Namespace, settings: Settings) -> int:
    from server.archive_commands import run_backfill

    return run_backfill(options, settings)


def _archive(options: Namespace, settings: Settings) -> int:
    from server.archive_commands import run_archive

    return run_archive(options, settings)


def _parsed(arguments: list[str]) -> Namespace | int:
    """The arguments as options, or the exit code when that was all there was to say."""
    from server.arguments import parse

    try:
        return parse(arguments)
    except SystemExit as done:  # argparse has printed the help, the version or what was wrong
        return done.code if isinstance(done.code, int) else USAGE


def _overrides(options: Namespace) -> dict[str, str]:
    from server.settings import Settings

    return {name: getattr(options, name) for name in Settings.model_fields if getattr(options, name, None) is not None}


def _say(sentence: str) -> None:
    sys.stderr.write(f"dealer-exposure-mcp: {sentence}\n")


def _speak_utf8() -> None:
    """Windows pipes default to a code page that cannot write the reports. The SDK takes care of the protocol itself."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
