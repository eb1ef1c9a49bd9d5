"""The installed command: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.cli import WAITING
from server.hosts import HOSTS, installed_script
from server.settings import Settings, flag
from tests.transport.stdio import clean_environment, run_command, spawned

AT = "2024-06-05T10:30"


def test_call_prints_the_text_by_default_and_the_structure_on_request() -> None:
    text = run_command("call", "basket_exposure", "symbols=NVDA,AMD", "weights=[3,1]", f"at={AT}")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.startswith("SYNTHETIC")
    structured = run_command("call", "basket_exposure", "--json", "symbols=NVDA,AMD", "weights=[3,1]", f"at={AT}")
    assert structured.returncode == 0
    answer = json.loads(structured.stdout)
    assert structured.stdout.count("\n") == 1
    assert answer["constituent_count"] == 2
    assert answer["headline"] in text.stdout


def test_call_takes_its_arguments_as_json_from_a_file_or_from_stdin(tmp_path: Path) -> None:
    arguments = json.dumps({"symbols": ["NVDA", "AMD"], "at": AT})
    file = tmp_path / "arguments.json"
    file.write_text(arguments, encoding="utf-8")
    answers = [
        run_command("call", "basket_exposure", arguments, "--json"),
        run_command("call", "basket_exposure", f"@{file}", "--json"),
        run_command("call", "basket_exposure", "-", "--json", text=arguments),
        run_command("--source", "demo", "call", "--source", "demo", "basket_exposure", "symbols=NVDA,AMD", f"at={AT}", "--json"),
    ]
    assert [answer.returncode for answer in answers] == [0] * len(answers)
    assert len({answer.stdout for answer in answers}) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["basket_exposure", "symbols=NVDA", "wieghts=1"], "Did you mean weights?"),
        (["basket_exposur", "symbols=NVDA"], "Did you mean basket_exposure?"),
        (["basket_exposure", "symbols=ZZZZQ"], "ZZZZQ"),
        (["basket_exposure", "NVDA"], "'NVDA' is not key=value."),
        (["basket_exposure", "symbols=NVDA", "symbols=AMD"], "symbols is given twice."),
        (["basket_exposure", "{symbols: NVDA}"], "is not valid JSON"),
        (["basket_exposure", "@no-such-file"], "no-such-file cannot be read"),
        (["basket_exposure", "symbols=NVDA", "--jsn"], "did you mean --json?"),
        ([], "TOOL"),
    ],
)
def test_call_says_on_stderr_what_was_wrong_and_exits_with_2(arguments: list[str], sentence: str) -> None:
    answer = run_command("call", *arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_config_prints_valid_json_with_an_absolute_command_that_exists(host: str, tmp_path: Path) -> None:
    answer = run_command(
        "--source", "files", "config", host, "--files-dir", "chains", environment={"FLASHALPHA_API_KEY": "canary-of-the-config"},
        folder=tmp_path,
    )  # fmt: skip
    assert answer.returncode == 0
    (entry,) = json.loads(answer.stdout)["mcpServers"].values()
    assert Path(entry["command"]).is_absolute()
    assert Path(entry["command"]).is_file()
    assert entry["env"] == {"DEALER_EXPOSURE_SOURCE": "files", "DEALER_EXPOSURE_FILES_DIR": str(tmp_path / "chains")}
    assert "canary" not in answer.stdout + answer.stderr
    assert "mcp_config.json" in answer.stderr or "mcp.json" in answer.stderr or "claude_desktop_config.json" in answer.stderr


def test_the_configured_command_starts_a_server() -> None:
    (entry,) = json.loads(run_command("config", "cursor").stdout)["mcpServers"].values()
    assert "env" not in entry
    with spawned([entry["command"], *entry["args"]]) as client:
        assert client.handshake()["serverInfo"]["name"] == "dealer-exposure"


@pytest.mark.parametrize(
    ("host", "platform", "file"),
    [
        ("claude-desktop", "darwin", "~/Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "%APPDATA%\\Claude\\claude_desktop_config.json"),
        ("claude-desktop", "linux", "~/.config/Claude/claude_desktop_config.json"),
        ("cursor", "darwin", "~/.cursor/mcp.json"),
        ("windsurf", "linux", "~/.codeium/windsurf/mcp_config.json"),
        ("windsurf", "win32", "%USERPROFILE%\\.codeium\\windsurf\\mcp_config.json"),
    ],
)
def test_each_host_keeps_its_configuration_where_its_maker_says(host: str, platform: str, file: str) -> None:
    assert HOSTS[host](platform) == file


def test_doctor_is_content_with_the_defaults() -> None:
    answer = run_command("doctor")
    assert answer.returncode == 0, answer.stdout
    assert "Everything is in order." in answer.stdout
    for subject in ("Python", "settings", "time zones", "clock", "source", "self-check"):
        assert f"ok       {subject}: " in answer.stdout


def test_doctor_names_an_empty_folder_and_what_to_do(tmp_path: Path) -> None:
    answer = run_command("doctor", "--source", "files", "--files-dir", str(tmp_path))
    assert answer.returncode == 1
    assert "problem  source: files" in answer.stdout
    assert "-> Point --files-dir" in answer.stdout


def test_doctor_examines_settings_that_stop_every_other_command() -> None:
    environment = {"DEALER_EXPOSURE_FLAT_RATE": "high"}
    answer = run_command("doctor", environment=environment)
    assert answer.returncode == 1
    assert "problem  settings: DEALER_EXPOSURE_FLAT_RATE is 'high'" in answer.stdout
    server = run_command(environment=environment)
    assert server.returncode == 2
    assert server.stdout == ""
    assert "DEALER_EXPOSURE_FLAT_RATE is 'high'; allowed is a number from -0.05 to 0.5." in server.stderr
    assert "Traceback" not in server.stderr


def test_an_unknown_setting_is_a_warning_not_an_error() -> None:
    answer = run_command("call", "data_status", environment={"DEALER_EXPOSURE_SORCE": "demo"})
    assert answer.returncode == 0
    assert "Did you mean DEALER_EXPOSURE_SOURCE?" in answer.stderr


def test_demo_reports_three_sectors_and_says_they_are_synthetic() -> None:
    answer = run_command("demo")
    assert answer.returncode == 0, answer.stderr
    for expected in ("SYNTHETIC", "SEMIS", "MEGACAP", "BANKS", "net GEX", "dealer gamma:", "\u2588"):
        assert expected in answer.stdout
    assert max(len(line) for line in answer.stdout.splitlines()) < 160


def test_demo_draws_with_plain_characters_where_the_terminal_knows_no_others() -> None:
    answer = run_command("demo", environment={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.isascii()
    assert "###" in answer.stdout


def test_help_names_every_command_and_setting_and_version_is_short() -> None:
    answer = run_command("--help")
    assert answer.returncode == 0
    for expected in ("demo", "call", "config", "doctor", *(flag(name) for name in Settings.model_fields)):
        assert expected in answer.stdout
    version = run_command("--version").stdout
    assert version.startswith("dealer-exposure-mcp ")
    assert version.count(".") >= 2


def test_an_unknown_command_or_flag_is_a_sentence() -> None:
    for arguments in (["dmeo"], ["--sorce", "demo"], ["config", "vim"]):
        answer = run_command(*arguments)
        assert answer.returncode == 2
        assert "Traceback" not in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell pipe")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"'{installed_script()}' call data_status detail=full | true"
    answer = subprocess.run(
        ["sh", "-c", command], capture_output=True, env=clean_environment(), encoding="utf-8", timeout=60, check=False
    )
    assert answer.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_it_says_what_it_waits_for_and_what_to_try() -> None:
    import pty
    import signal

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [installed_script()], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()
    )
    try:
        assert process.stdout
        assert process.stderr
        hint = b"".join(process.stderr.readline() for _ in WAITING.splitlines()).decode()
        assert hint == WAITING
        assert "dealer-exposure-mcp demo" in hint
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        for descriptor in (ours, theirs):
            os.close(descriptor)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
