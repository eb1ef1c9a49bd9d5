"""The configuration of the hosts people use: what to paste, and into which file."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.settings import Settings

SCRIPT = "dealer-exposure-mcp"
_SERVER_NAME = "dealer-exposure"


def _claude_desktop_file(platform: str) -> str:
    folders = {"darwin": "~/Library/Application Support/Claude/", "win32": "%APPDATA%\\Claude\\"}
    return folders.get(platform, "~/.config/Claude/") + "claude_desktop_config.json"


def _in_home(path: str) -> Callable[[str], str]:
    def on(platform: str) -> str:
        return "%USERPROFILE%\\" + path.replace("/", "\\") if platform == "win32" else f"~/{path}"

    return on


HOSTS: Mapping[str, Callable[[str], str]] = {
    "claude-desktop": _claude_desktop_file,
    "cursor": _in_home(".cursor/mcp.json"),
    "windsurf": _in_home(".codeium/windsurf/mcp_config.json"),
}


class ScriptNotFoundError(Exception):
    """The installed console script cannot be located; the text says what to do."""


def print_host_configuration(host: str, settings: Settings) -> int:
    """Print the JSON for `host` on stdout and where it belongs on stderr. Returns the exit code."""
    try:
        script = installed_script()
    except ScriptNotFoundError as problem:
        sys.stderr.write(f"{SCRIPT}: {problem}\n")
        return 2
    entry: dict[str, object] = {"command": str(script), "args": []}
    variables = settings.changed()
    if variables:
        entry["env"] = variables
    sys.stdout.write(json.dumps({"mcpServers": {_SERVER_NAME: entry}}, indent=2, ensure_ascii=False) + "\n")
    sys.stderr.write(
        f"Put this into {HOSTS[host](sys.platform)} (beside what is there under mcpServers), then restart the application.\n"
    )
    return 0


def installed_script() -> Path:
    """Absolute path of the console script of this installation: hosts inherit neither PATH nor working directory.

    Raises ScriptNotFoundError when there is none, for example when the package runs from a plain checkout.
    """
    suffix = ".exe" if sys.platform == "win32" else ""
    started = PurePath(sys.argv[0]) if sys.argv and sys.argv[0] else None
    candidates = [Path(sysconfig.get_path("scripts")) / f"{SCRIPT}{suffix}", Path(sys.executable).parent / f"{SCRIPT}{suffix}"]
    if started is not None and started.stem == SCRIPT:
        # Not resolved: a link such as the one of pipx survives an upgrade, what it points at may not.
        candidates.insert(0, Path(os.path.abspath(started.with_suffix(suffix))))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ScriptNotFoundError(
        f"The installed script {SCRIPT}{suffix} was not found in {candidates[0].parent}. "
        "Install the package into a virtual environment (pip install .) and run that script."
    )
