"""What a user can set, from the environment (`DEALER_EXPOSURE_...`) or from flags of the command line.

This is the only module that reads the environment. A value that cannot be used becomes one sentence for a person.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from exposure.dealer import SignConvention
from server.redaction import Redactor

PREFIX = "DEALER_EXPOSURE_"
_SECRET_PREFIXES = (PREFIX, "FLASHALPHA_")
_SECRET_SUFFIXES = ("KEY", "TOKEN", "SECRET", "PASSWORD")


class SettingsError(Exception):
    """A setting that cannot be used; the text says which one, what is wrong and what is allowed."""


class SourceName(StrEnum):
    """Where market data come from."""

    DEMO = "demo"
    FILES = "files"


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


class Settings(BaseSettings):
    """Every choice a user can make, with its default."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    source: Annotated[SourceName, BeforeValidator(_lower)] = Field(
        SourceName.DEMO,
        description="Where market data come from: the embedded synthetic market, or chain files in a folder of yours.",
    )
    files_dir: Path | None = Field(
        None,
        description="The folder with your chain files; needed when the source is `files`.",
        validate_default=True,
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
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = Field(
        LogLevel.WARNING, description="How much the log on stderr says."
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        "text", description="The log as text or as one JSON object a line."
    )

    @field_validator("files_dir")
    @classmethod
    def _expanded(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder is None and info.data.get("source") is SourceName.FILES:
            raise ValueError("is not set, but the source `files` needs the folder that holds your chain files")
        return folder.expanduser() if folder is not None else None

    @field_validator("baskets")
    @classmethod
    def _home_expanded(cls, file: Path | None) -> Path | None:
        return file.expanduser() if file is not None else None

    @classmethod
    def load(cls, overrides: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment, with `overrides` (field name to text, from flags) on top.

        Raises SettingsError with one sentence for each value that cannot be used.
        """
        given = dict(overrides or {})
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic parses the texts
        except ValidationError as problem:
            hide = Redactor(secrets())
            sentences = [hide(_sentence(cls, dict(error), given)) for error in problem.errors(include_url=False)]
            raise SettingsError("\n".join(dict.fromkeys(sentences))) from None

    def changed(self) -> dict[str, str]:
        """Environment variables that reproduce these settings: those that differ from their default. Paths are absolute."""
        variables = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                variables[variable(name)] = str(Path(os.path.abspath(value)) if isinstance(value, Path) else value)
        return variables


def variable(field_name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field_name.upper()


def flag(field_name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + field_name.replace("_", "-")


def unknown_variables() -> list[str]:
    """A sentence for each environment variable that carries our prefix and names no setting. Never shows its value."""
    known = [name.upper() for name in Settings.model_fields]
    sentences = []
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


def allowed(field: FieldInfo) -> str:
    """What a setting accepts, in words."""
    choices = _choices(field)
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if field.annotation is float:
        return "a number " + " ".join(_limits(field))
    return "a path"


def _choices(field: FieldInfo) -> list[str]:
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return [str(choice) for choice in getattr(annotation, "__args__", ()) if isinstance(choice, str)]


def _limits(field: FieldInfo) -> Iterator[str]:
    words = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
    for constraint in field.metadata:
        for name, template in words.items():
            limit = getattr(constraint, name, None)
            if limit is not None:
                yield template.format(_shown(limit))


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(model: type[Settings], error: Mapping[str, Any], given: Mapping[str, str]) -> str:
    name = str(error["loc"][0])
    field = model.model_fields[name]
    label = flag(name) if name in given else variable(name)
    if error["type"] == "value_error":
        return f"{label} {error['ctx']['error']}. Set {variable(name)} or give {flag(name)}."
    value = str(error["input"])
    close = difflib.get_close_matches(value.strip().lower(), [choice.lower() for choice in _choices(field)], n=1)
    hint = f" Did you mean {next(one for one in _choices(field) if one.lower() == close[0])}?" if close else ""
    return f"{label} is {value[:60]!r}; allowed is {allowed(field).replace('`', '')}.{hint}"
