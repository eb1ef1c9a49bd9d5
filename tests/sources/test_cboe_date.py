"""The date line of Cboe's quote table, in the languages of the browsers it is downloaded with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.files.cboe_date import instant_in_words
from sources.files.formats import UnreadableFileError
from tests.sources.cboe_files import a_table
from tests.sources.chain_files import CANARY, assert_unusable, write_bytes

STAMP = datetime(2024, 6, 5, 16, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "June 5, 2024 at 12:15 PM EDT",
        "June 5 2024, 12:15 PM EDT",
        "Jun 5, 2024, 12:15\u202fPM EDT",
        "5 June 2024 at 12:15 GMT-4",
        "5 June 2024 at 12:15 pm GMT-4",
        "5. Juni 2024 um 12:15 GMT-4",
        "5 juin 2024 à 12:15 UTC−4",
        "5 juin 2024 à 12 h 15 HAE (UTC−4)",
        "5 de junio de 2024, 12:15 GMT-4",
        "5 de junio de 2024, 12:15 p. m. GMT-4",
        "5 giugno 2024 alle ore 12:15 GMT-4",
        "5 de junho de 2024 às 12:15 GMT-4",
        "5 juni 2024 om 12:15 GMT-4",
        "2024年6月5日 GMT-4 12:15",
        "2024年6月5日 GMT-4 下午12:15",
        "2024-06-05 12:15 ET",
        "2024-06-05T12:15:00 GMT-04:00",
        "Jun 5 2024 @ 12:15 ET",
    ],
)
def test_a_date_is_read_in_the_language_of_the_browser(text: str) -> None:
    assert instant_in_words(text) == STAMP


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("December 12, 2022 at 8:30 PM EST", "2022-12-13T01:30"),
        ("January 7, 2024 at 12:00 AM EST", "2024-01-07T05:00"),
        ("3. März 2024 um 15:45 GMT-5", "2024-03-03T20:45"),
        ("1 août 2024 à 09:31 UTC−4", "2024-08-01T13:31"),
        ("14 juillet 2024 à 09:31 UTC−4", "2024-07-14T13:31"),
        ("5 de mayo de 2025, 9:31 a. m. GMT-4", "2025-05-05T13:31"),
        ("12 décembre 2022 à 20:30 UTC−5", "2022-12-13T01:30"),
        ("25 de setembro de 2025 às 21:05 GMT-4", "2025-09-26T01:05"),
        ("9 ottobre 2024 alle ore 16:00 GMT-4", "2024-10-09T20:00"),
        ("13/12/2022, 20:30 EST", "2022-12-14T01:30"),
        ("12/13/2022, 20:30 EST", "2022-12-14T01:30"),
        ("12/12/2022, 20:30 EST", "2022-12-13T01:30"),
    ],
)
def test_months_and_midnights_of_several_languages(text: str, instant: str) -> None:
    assert instant_in_words(text) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("June 5, 2024 at 12:15 PM", "no time zone"),
        ("June 5, 2024 at 12:15 PM XYZ", "no time zone"),
        ("June 5, 2024 EDT", "no time of day"),
        ("June 2024, 12:15 EDT", "one year, one month and one day"),
        ("June 5, 12:15 EDT", "one year, one month and one day"),
        ("12:15 EDT", "one year, one month and one day"),
        ("06/05/2024, 16:15 UTC", "could be of two months"),
        ("June 31, 2024 at 12:15 PM EDT", "not a date and time that exist"),
        ("June 5, 2024 at 25:15 EDT", "not a date and time that exist"),
        ("June 0, 2024 at 12:15 EDT", "not a date and time that exist"),
        ("June 5, 99999 at 12:15 EDT", "not a date and time that exist"),
        ("June 5, 2024 at 12:15 GMT-99", "time zone that does not exist"),
        (f"{CANARY} 2024 at 12:15 EDT", "could be of two months"),
    ],
)
def test_a_date_that_is_none_is_refused_with_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        instant_in_words(text)
    write_bytes(tmp_path, "NVDA.csv", a_table(date=text).encode())
    assert_unusable(tmp_path, "NVDA", "NVDA.csv", words.split(",", maxsplit=1)[0])
