"""What a user can set, from the environment (`DEALER_EXPOSURE_...`) or from flags of the command line.

This is the only module that reads the environment. A value that cannot be used becomes one sentence for a person.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from exposure.dealer import SignConvention
from server.redaction import Redactor

PREFIX = "DEALER_EXPOSURE_"
_VENDOR_PREFIX = "FLASHALPHA_"
_SECRET_PREFIXES = (PREFIX, _VENDOR_PREFIX)
_SECRET_SUFFIXES = ("KEY", "TOKEN", "SECRET", "PASSWORD")


class SettingsError(Exception):
    """A setting that cannot be used; the text says which one, what is wrong and what is allowed."""


class SourceName(StrEnum):
    """Where market data come from."""

    DEMO = "demo"
    FILES = "files"
    CBOE = "cboe"
    FLASHALPHA = "flashalpha"
    ARCHIVE = "archive"


class LogLevel(StrEnum):
    """How much the log on stderr says."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LEAST_CBOE_SECONDS_APART = 0.4
_LONGEST_KEY = 200

_Source = Annotated[SourceName, BeforeValidator(_lower)]


def _vendor_name(field_name: str) -> AliasChoices:
    """A setting that is also known by the variable the vendor's own clients read."""
    return AliasChoices(variable(field_name), _VENDOR_PREFIX + field_name.removeprefix("flashalpha_").upper(), field_name)


def variable(field_name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field_name.upper()


def flag(field_name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + field_name.replace("_", "-")


class Settings(BaseSettings):
    """Every choice a user can make, with its default."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    source: _Source | None = Field(
        None,
        description="Where market data come from, for now and for the past; if unset, `flashalpha` with a key, else `demo`.",
    )
    live: _Source | None = Field(None, description="The source for now, where it is not `source`.")
    replay: _Source | None = Field(
        None, description="The source for the past, where it is not that of now; if unset, `archive` where now is `cboe`."
    )
    files_dir: Path | None = Field(
        None,
        description="The folder with your chain files; needed when the source is `files`.",
        validate_default=True,
    )
    archive_dir: Path | None = Field(
        None,
        description="The folder of your archive; if unset, `archive` in this program's folder among your user data.",
    )
    flashalpha_api_key_file: Path | None = Field(
        None,
        validation_alias=_vendor_name("flashalpha_api_key_file"),
        description="A file that holds the FlashAlpha key and nothing else.",
    )
    flashalpha_api_key: SecretStr | None = Field(
        None,
        validation_alias=_vendor_name("flashalpha_api_key"),
        validate_default=True,
        description="Your FlashAlpha key; `FLASHALPHA_API_KEY` does as well.",
    )
    cboe_accept_terms: bool = Field(
        False,
        description="That you accept the terms of Cboe's delayed quotes, whose page forbids automatic extraction.",
    )
    baskets: Path | None = Field(
        None,
        description="A TOML file with baskets of your own; they are known by name beside the built-in ones.",
    )
    convention: Annotated[SignConvention, BeforeValidator(_lower)] = Field(
        SignConvention.STREET,
        description="Who is assumed to hold which side of the open interest, unless a call names another convention.",
    )
    flat_rate: float = Field(
        0.04,
        ge=-0.05,
        le=0.5,
        description="Interest rate a year, used where put-call parity gives none.",
    )
    ambiguous_below: float = Field(
        0.05,
        ge=0.0,
        le=0.5,
        description="Share of the dominant side that must be wrong to flip the regime; below it the regime is ambiguous.",
    )
    staleness_days: float = Field(
        5.0,
        gt=0.0,
        le=366.0,
        description="How many days old a quote may be and still answer a question about a past instant.",
    )
    tool_timeout_seconds: float = Field(
        25.0,
        gt=0.0,
        le=55.0,
        description="Seconds a question may take before it is given up with a sentence.",
    )
    network_timeout_seconds: float = Field(
        15.0,
        gt=0.0,
        le=55.0,
        description="Seconds one request to a provider may take, with its retries.",
    )
    network_at_once: int = Field(8, ge=1, le=32, description="Requests to one provider at the same time.")
    flashalpha_cache_seconds: float = Field(
        15.0, ge=0.0, le=3600.0, description="Seconds for which a live FlashAlpha answer is used again."
    )
    cboe_cache_seconds: float = Field(60.0, ge=60.0, le=3600.0, description="Seconds for which a Cboe chain is used again.")
    cboe_seconds_apart: float = Field(
        0.4, ge=0.0, le=60.0, description="Seconds between two requests to Cboe; under 0.4 only to a mirror on this machine."
    )
    flashalpha_url: str = Field(
        "https://lab.flashalpha.com", description="FlashAlpha's live host, or a mirror of yours; the key is sent there."
    )
    flashalpha_historical_url: str = Field(
        "https://historical.flashalpha.com", description="FlashAlpha's historical host; the key is sent there."
    )
    cboe_url: str = Field(
        "https://cdn.cboe.com/api/global/delayed_quotes/options", description="Where Cboe's delayed chains are, or a mirror."
    )
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = Field(
        LogLevel.WARNING, description="How much the log on stderr says."
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        "text", description="The log as text or as one JSON object a line."
    )

    @property
    def live_source(self) -> SourceName:
        """The source that answers for now."""
        return self.live or self.source or (SourceName.FLASHALPHA if self.flashalpha_api_key else SourceName.DEMO)

    @property
    def replay_source(self) -> SourceName:
        """The source that answers for the past; Cboe publishes the present only."""
        chosen = self.replay or self.source or self.live_source
        return SourceName.ARCHIVE if chosen is SourceName.CBOE and self.replay is None else chosen

    @property
    def archive_folder(self) -> Path:
        """Where the archive is, or will be once something is recorded."""
        if self.archive_dir is not None:
            return self.archive_dir
        from platformdirs import user_data_path

        return user_data_path("dealer-exposure-mcp", appauthor=False) / "archive"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Keys that no text may show."""
        return (self.flashalpha_api_key.get_secret_value(),) if self.flashalpha_api_key else ()

    @field_validator("files_dir")
    @classmethod
    def _expanded(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder is None and SourceName.FILES in (info.data.get(name) for name in ("source", "live", "replay")):
            raise ValueError("is not set, but the source `files` needs the folder that holds your chain files")
        return folder.expanduser() if folder is not None else None

    @field_validator("flashalpha_api_key")
    @classmethod
    def _key(cls, given: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        file = info.data.get("flashalpha_api_key_file")
        key = given.get_secret_value().strip() if given else _content_of(file) if file else None
        if key is None:
            return None
        if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("is not a key: one line of letters, digits and signs, without blanks, is expected")
        return SecretStr(key)

    @field_validator("flashalpha_url", "flashalpha_historical_url", "cboe_url")
    @classmethod
    def _address(cls, text: str) -> str:
        try:
            parts = urlsplit(text.strip())
            host = parts.hostname
        except ValueError:
            host = None
        if not host or parts.username or parts.query or parts.fragment:
            raise ValueError("is not an address; it looks like https://host/path")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
            raise ValueError("has to begin with https:// (http:// is allowed for this machine alone, 127.0.0.1)")
        return text.strip().rstrip("/")

    @field_validator("cboe_url")
    @classmethod
    def _throttled(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("cboe_seconds_apart", _LEAST_CBOE_SECONDS_APART) < _LEAST_CBOE_SECONDS_APART and (
            urlsplit(text).hostname not in _LOOPBACK
        ):
            raise ValueError(
                f"is not on this machine, so {variable('cboe_seconds_apart')} has to be {_LEAST_CBOE_SECONDS_APART:g} or more"
            )
        return text

    @field_validator("baskets", "archive_dir")
    @classmethod
    def _home_expanded(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path is not None else None

    @classmethod
    def load(cls, overrides: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment, with `overrides` (field name to text, from flags) on top.

        Raises SettingsError with one sentence for each value that cannot be used.
        """
        given = dict(overrides or {})
        try:
            loaded = cls(**given)  # type: ignore[arg-type]  # pydantic parses the texts
        except ValidationError as problem:
            hide = Redactor(secrets())
            sentences = [hide(_sentence(cls, dict(error), given)) for error in problem.errors(include_url=False)]
            raise SettingsError("\n".join(dict.fromkeys(sentences))) from None
        live, replay = loaded.live_source, loaded.replay_source
        if (live is SourceName.DEMO) is not (replay is SourceName.DEMO):
            raise SettingsError(
                f"{variable('live')} is {live.value} and {variable('replay')} is {replay.value}: the synthetic market is never "
                f"mixed with real data. Set {variable('source')}, or both to real sources."
            )
        return loaded

    def changed(self) -> dict[str, str]:
        """Environment variables that reproduce these settings: those that differ from their default. Paths are absolute.

        A key is not among them: it belongs in no file that is passed around.
        """
        variables = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default and not isinstance(value, SecretStr):
                variables[variable(name)] = _written(value)
        return variables


def unknown_variables() -> list[str]:
    """A sentence for each environment variable that carries our prefix and names no setting. Never shows its value."""
    known = [name.upper() for name in Settings.model_fields]
    sentences: list[str] = []
    for name in sorted(os.environ):
        rest = name.upper().removeprefix(PREFIX)
        if rest != name.upper() and rest not in known:
            close = difflib.get_close_matches(rest, known, n=1)
            everything = ", ".join(PREFIX + one for one in known)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else f" Known settings: {everything}."
            sentences.append(f"{name} is not a setting of this server and is ignored.{hint}")
    return sentences


def secrets() -> tuple[str, ...]:
    """Values of environment variables that hold keys. For redaction only."""
    return tuple(
        value
        for name, value in os.environ.items()
        if value and name.upper().startswith(_SECRET_PREFIXES) and name.upper().endswith(_SECRET_SUFFIXES)
    )


def settings_table() -> str:
    """The settings as rows of a Markdown table: variable, default, what is allowed, what it means."""
    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{_shown(field.default)}`"
        rows.append(f"| `{variable(name)}` | {default} | {allowed(field)} | {field.description} |")
    return "\n".join(rows)


def flags() -> Iterator[tuple[str, FieldInfo]]:
    """The settings that a command line may give: all but keys, which everybody on the machine could read there."""
    return ((name, field) for name, field in Settings.model_fields.items() if not _is_secret(field))


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _written(value: object) -> str:
    if isinstance(value, Path):
        return str(Path(os.path.abspath(value)))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _content_of(file: Path) -> str:
    try:
        with file.expanduser().open(encoding="utf-8-sig") as opened:
            return opened.read(_LONGEST_KEY + 2).strip()
    except OSError as problem:
        raise ValueError(f"could not be read from the file named for it: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("could not be read from the file named for it: it is not text") from None


def allowed(field: FieldInfo) -> str:
    """What a setting accepts, in words."""
    choices = _choices(field)
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if field.annotation in (float, int):
        return f"a {'whole ' if field.annotation is int else ''}number " + " ".join(_limits(field))
    if field.annotation is bool:
        return "`true`, `false`"
    if field.annotation is str:
        return "an https address"
    return "a key" if _is_secret(field) else "a path"


def _choices(field: FieldInfo) -> list[str]:
    annotation: Any = field.annotation
    for option in (annotation, *get_args(annotation), *(one for part in get_args(annotation) for one in get_args(part))):
        if isinstance(option, type) and issubclass(option, StrEnum):
            return [member.value for member in option]
    return [str(choice) for choice in getattr(annotation, "__args__", ()) if isinstance(choice, str)]


def _limits(field: FieldInfo) -> Iterator[str]:
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    for constraint in field.metadata:
        for name, template in words.items():
            limit = getattr(constraint, name, None)
            if limit is not None:
                yield template.format(_shown(limit))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(model: type[Settings], error: Mapping[str, Any], given: Mapping[str, str]) -> str:
    name = str(error["loc"][0]).lower().removeprefix(PREFIX.lower())
    name = name if name in model.model_fields else f"flashalpha_{name.removeprefix(_VENDOR_PREFIX.lower())}"
    field = model.model_fields[name]
    label = flag(name) if name in given else variable(name)
    if error["type"] == "value_error":
        way = "" if _is_secret(field) else f" or give {flag(name)}"
        return f"{label} {error['ctx']['error']}. Set {variable(name)}{way}."
    value = str(error["input"])
    close = difflib.get_close_matches(value.strip().lower(), [choice.lower() for choice in _choices(field)], n=1)
    hint = f" Did you mean {next(one for one in _choices(field) if one.lower() == close[0])}?" if close else ""
    return f"{label} is {value[:60]!r}; allowed is {allowed(field).replace('`', '')}.{hint}"
