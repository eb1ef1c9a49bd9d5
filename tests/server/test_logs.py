"""The log goes to one stream, in one format, without keys."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from server.logs import set_up_logs
from server.redaction import HIDDEN, Redactor

SECRET = 'kéy/with "quotes" & spaces'


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, loud = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, loud
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_secret_is_hidden_from_messages_fields_and_tracebacks(log_format: str) -> None:
    stream = io.StringIO()
    set_up_logs("DEBUG", log_format, [SECRET], stream)
    log = logging.getLogger("somewhere")
    log.debug("asked %s", f"https://host/x?apiKey={quote(SECRET)}", extra={"header": {"X-Api-Key": SECRET}})
    try:
        raise RuntimeError(f"refused {SECRET}")
    except RuntimeError:
        log.exception("failed with %r", SECRET)
    written = stream.getvalue()
    assert "Traceback (most recent call last)" in written
    assert HIDDEN in written
    for part in ("kéy", "k\\u00e9y", "quotes", quote(SECRET), "k%C3%A9y"):
        assert part not in written


@pytest.mark.parametrize(
    "line",
    [
        "GET https://h/v1?symbol=NVDA&apiKey=abc123DEF",
        "GET https://h/v1?symbol=NVDA&apikey=abc123DEF&x=1",
        "headers: {'X-Api-Key': 'abc123DEF', 'Accept': '*/*'}",
        'headers: {"authorization": "Bearer abc123DEF"}',
        "Authorization: Bearer abc123DEF",
        "Headers([('x-api-key', 'abc123DEF')])",
        "[(b'X-Api-Key', b'abc123DEF')]",
        "key fa_abc123DEF refused",
    ],
)
def test_keys_are_recognised_by_where_they_stand(line: str) -> None:
    hidden = Redactor()(line)
    assert "abc123DEF" not in hidden
    assert HIDDEN in hidden


def test_ordinary_text_is_left_alone() -> None:
    line = "basket_exposure of NVDA, AMD took 12 ms; fa_ is no key, keys of the object: a, b"
    assert Redactor(["x", ""])(line) == line


def test_json_lines_are_objects_with_the_extra_fields() -> None:
    stream = io.StringIO()
    set_up_logs("INFO", "json", [], stream)
    logging.getLogger("a.b").info("took %d ms", 12, extra={"tool": "basket_exposure"})
    logging.getLogger("a.b").debug("too quiet to be heard")
    fields = json.loads(stream.getvalue())
    assert fields.pop("time").endswith("Z")
    assert fields == {"level": "INFO", "logger": "a.b", "message": "took 12 ms", "tool": "basket_exposure"}


def test_warnings_and_broken_log_calls_go_through_the_same_filter(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    set_up_logs("INFO", "text", [SECRET], stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"old {SECRET}", stacklevel=1)
    logging.getLogger("a").info("%d", SECRET)
    assert "py.warnings" in stream.getvalue()
    assert "quotes" not in stream.getvalue()
    assert "quotes" not in capsys.readouterr().err
