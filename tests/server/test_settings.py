"""Settings: where they come from, and what is said about one that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exposure.dealer import SignConvention
from server.settings import LogLevel, Settings, SettingsError, SourceName, secrets, settings_table, unknown_variables


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DEALER_EXPOSURE_", "FLASHALPHA_")):
            monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_design() -> None:
    settings = Settings.load()
    assert (settings.source, settings.live, settings.replay) == (None, None, None)
    assert (settings.live_source, settings.replay_source) == (SourceName.DEMO, SourceName.DEMO)
    assert settings.files_dir is None
    assert settings.flashalpha_api_key is None
    assert settings.cboe_accept_terms is False
    assert settings.convention is SignConvention.STREET
    assert settings.flat_rate == 0.04
    assert settings.ambiguous_below == 0.05
    assert settings.staleness_days == 5
    assert settings.tool_timeout_seconds == 25
    assert settings.log_level is LogLevel.WARNING
    assert settings.log_format == "text"
    assert settings.changed() == {}


def test_a_flag_wins_over_the_environment_and_case_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALER_EXPOSURE_CONVENTION", "Dealers_Short_All")
    monkeypatch.setenv("DEALER_EXPOSURE_LOG_LEVEL", "debug")
    monkeypatch.setenv("DEALER_EXPOSURE_FLAT_RATE", "0.01")
    settings = Settings.load({"flat_rate": "0.02"})
    assert settings.flat_rate == 0.02
    assert settings.convention is SignConvention.SHORT_ALL
    assert settings.log_level is LogLevel.DEBUG


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALER_EXPOSURE_SOURCE", "")
    assert Settings.load().live_source is SourceName.DEMO


def test_a_folder_is_expanded_and_written_out_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    settings = Settings.load({"source": "files", "files_dir": "~/chains"})
    assert settings.files_dir == tmp_path / "chains"
    monkeypatch.chdir(tmp_path)
    relative = Settings.load({"source": "files", "files_dir": "chains"})
    assert relative.changed() == {
        "DEALER_EXPOSURE_SOURCE": "files",
        "DEALER_EXPOSURE_FILES_DIR": str(tmp_path / "chains"),
    }


def test_the_archive_is_among_the_users_data_unless_another_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    usual = Settings.load()
    assert usual.archive_dir is None
    assert usual.archive_folder.name == "archive"
    assert "dealer-exposure-mcp" in usual.archive_folder.parts
    assert usual.changed() == {}
    named = Settings.load({"archive_dir": "~/mine"})
    assert named.archive_folder == tmp_path / "mine"
    assert named.changed() == {"DEALER_EXPOSURE_ARCHIVE_DIR": str(tmp_path / "mine")}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "SOURCE",
            "dmeo",
            "DEALER_EXPOSURE_SOURCE is 'dmeo'; allowed is demo, files, cboe, flashalpha, archive. Did you mean demo?",
        ),
        ("SOURCE", "xyz", "DEALER_EXPOSURE_SOURCE is 'xyz'; allowed is demo, files, cboe, flashalpha, archive."),
        (
            "SOURCE",
            "files",
            "DEALER_EXPOSURE_FILES_DIR is not set, but the source `files` needs the folder that holds your chain files. "
            "Set DEALER_EXPOSURE_FILES_DIR or give --files-dir.",
        ),
        ("CONVENTION", "steet", "DEALER_EXPOSURE_CONVENTION is 'steet'; allowed is street, dealers_long_calls_short_puts,"),
        ("FLAT_RATE", "4%", "DEALER_EXPOSURE_FLAT_RATE is '4%'; allowed is a number from -0.05 to 0.5."),
        ("FLAT_RATE", "4", "DEALER_EXPOSURE_FLAT_RATE is '4'; allowed is a number from -0.05 to 0.5."),
        ("FLAT_RATE", "nan", "DEALER_EXPOSURE_FLAT_RATE is 'nan'; allowed is a number from -0.05 to 0.5."),
        ("AMBIGUOUS_BELOW", "-1", "DEALER_EXPOSURE_AMBIGUOUS_BELOW is '-1'; allowed is a number from 0 to 0.5."),
        ("STALENESS_DAYS", "0", "DEALER_EXPOSURE_STALENESS_DAYS is '0'; allowed is a number above 0 to 366."),
        ("TOOL_TIMEOUT_SECONDS", "inf", "DEALER_EXPOSURE_TOOL_TIMEOUT_SECONDS is 'inf'; allowed is a number above 0 to 55."),
        ("LOG_LEVEL", "warn", "DEALER_EXPOSURE_LOG_LEVEL is 'WARN'; allowed is DEBUG, INFO, WARNING, ERROR, CRITICAL."),
        ("LOG_FORMAT", "xml", "DEALER_EXPOSURE_LOG_FORMAT is 'xml'; allowed is text, json."),
    ],
)
def test_a_wrong_value_becomes_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(f"DEALER_EXPOSURE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_wrong_flag_is_called_by_its_flag() -> None:
    with pytest.raises(SettingsError, match=r"^--flat-rate is 'x'; allowed is a number from -0.05 to 0.5\.$"):
        Settings.load({"flat_rate": "x"})


def test_two_wrong_values_are_two_sentences() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"flat_rate": "x", "log_format": "y"})
    assert len(str(caught.value).splitlines()) == 2


def test_a_variable_nobody_knows_is_named_with_the_nearest_but_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALER_EXPOSURE_SORCE", "value-of-it")
    monkeypatch.setenv("DEALER_EXPOSURE_ZZZZZZZ_QQQQ", "value-of-it")
    near, far = unknown_variables()
    assert near == "DEALER_EXPOSURE_SORCE is not a setting of this server and is ignored. Did you mean DEALER_EXPOSURE_SOURCE?"
    assert "Known settings: DEALER_EXPOSURE_SOURCE, " in far
    assert "value-of-it" not in near + far


def test_secrets_are_the_values_of_variables_that_hold_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALER_EXPOSURE_FLASHALPHA_API_KEY", "one")
    monkeypatch.setenv("FLASHALPHA_TOKEN", "two")
    monkeypatch.setenv("DEALER_EXPOSURE_SOURCE", "demo")
    assert sorted(secrets()) == ["one", "two"]


def test_the_table_names_every_setting_with_its_default_and_meaning() -> None:
    table = settings_table()
    assert len(table.splitlines()) == len(Settings.model_fields) + 2
    assert "| `DEALER_EXPOSURE_FLAT_RATE` | `0.04` | a number from -0.05 to 0.5 | Interest rate a year" in table
    assert "| `DEALER_EXPOSURE_SOURCE` |  | `demo`, `files`, `cboe`, `flashalpha`, `archive` |" in table
    assert "| `DEALER_EXPOSURE_CBOE_ACCEPT_TERMS` | `false` | `true`, `false` |" in table
    assert "| `DEALER_EXPOSURE_FLASHALPHA_API_KEY` |  | a key |" in table
    assert "| `DEALER_EXPOSURE_NETWORK_AT_ONCE` | `8` | a whole number from 1 to 32 |" in table


KEY = "fa_0123456789abcdef"


@pytest.mark.parametrize("name", ["FLASHALPHA_API_KEY", "DEALER_EXPOSURE_FLASHALPHA_API_KEY"])
def test_a_key_selects_flashalpha_and_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f" {KEY}\n")
    settings = Settings.load()
    assert (settings.live_source, settings.replay_source) == (SourceName.FLASHALPHA, SourceName.FLASHALPHA)
    assert settings.secrets == (KEY,)
    assert settings.changed() == {}
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("name", ["FLASHALPHA_API_KEY_FILE", "DEALER_EXPOSURE_FLASHALPHA_API_KEY_FILE"])
def test_a_key_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.setenv(name, str(tmp_path / "key"))
    settings = Settings.load()
    assert settings.secrets == (KEY,)
    assert settings.changed() == {"DEALER_EXPOSURE_FLASHALPHA_API_KEY_FILE": str(tmp_path / "key")}


def test_a_chosen_source_wins_over_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHALPHA_API_KEY", KEY)
    assert Settings.load({"source": "demo"}).live_source is SourceName.DEMO


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "x" * 300, "ключ"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("FLASHALPHA_API_KEY", key)
    with pytest.raises(SettingsError, match=r"^DEALER_EXPOSURE_FLASHALPHA_API_KEY is not a key: ") as caught:
        Settings.load()
    assert key not in str(caught.value)


def test_a_key_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError, match=reason):
            Settings.load({"flashalpha_api_key_file": str(path)})
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="is not a key"):
        Settings.load({"flashalpha_api_key_file": str(tmp_path / "empty")})


@pytest.mark.parametrize(
    ("given", "live", "replay"),
    [
        ({"source": "cboe"}, "cboe", "archive"),
        ({"live": "cboe"}, "cboe", "archive"),
        ({"live": "cboe", "replay": "cboe"}, "cboe", "cboe"),
        ({"source": "archive", "live": "cboe"}, "cboe", "archive"),
        ({"source": "archive"}, "archive", "archive"),
        ({"live": "cboe", "replay": "files", "files_dir": "x"}, "cboe", "files"),
        ({"source": "files", "files_dir": "x", "live": "cboe"}, "cboe", "files"),
        ({"source": "flashalpha", "replay": "files", "files_dir": "x"}, "flashalpha", "files"),
    ],
)
def test_now_and_the_past_may_have_different_sources(given: dict[str, str], live: str, replay: str) -> None:
    settings = Settings.load(given)
    assert (settings.live_source.value, settings.replay_source.value) == (live, replay)


@pytest.mark.parametrize("given", [{"live": "cboe", "replay": "demo"}, {"replay": "cboe"}, {"source": "demo", "live": "cboe"}])
def test_the_synthetic_market_is_never_mixed_with_real_data(given: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="never mixed with real data"):
        Settings.load(given)


@pytest.mark.parametrize("name", ["live", "replay"])
def test_files_need_their_folder_whichever_half_they_answer(name: str) -> None:
    with pytest.raises(SettingsError, match="FILES_DIR is not set"):
        Settings.load({name: "files"})


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://example.com", "has to begin with https://"),
        ("ftp://example.com", "has to begin with https://"),
        ("https://me:secret@example.com", "is not an address"),
        ("https://example.com/?apiKey=x", "is not an address"),
        ("example.com", "is not an address"),
        ("https://[broken", "is not an address"),
    ],
)
def test_an_address_is_https_and_carries_nothing_else(address: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.load({"flashalpha_url": address})
    assert Settings.load({"flashalpha_url": "http://127.0.0.1:8080/"}).flashalpha_url == "http://127.0.0.1:8080"


def test_cboe_is_asked_less_than_0_4_seconds_apart_only_on_this_machine() -> None:
    with pytest.raises(SettingsError, match=r"has to be 0\.4 or more"):
        Settings.load({"cboe_seconds_apart": "0.1"})
    assert Settings.load({"cboe_seconds_apart": "0", "cboe_url": "http://127.0.0.1:1"}).cboe_seconds_apart == 0
