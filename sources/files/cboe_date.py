"""The date line of Cboe's quote table, which the page writes in the language of the browser it was downloaded with.

    December 12, 2022 at 8:30 PM EST        February 5 2022, 8:09 PM EST        25 de setembro de 2025 às 21:05 GMT-4

The clock is always New York's and always named.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from exposure.sessions import EASTERN
from sources.files.formats import UnreadableFileError

# How each month begins in English, German, French, Spanish, Italian, Portuguese and Dutch, accents dropped.
_MONTHS = tuple(
    tuple(beginnings.split())
    for beginnings in (
        "jan ene gen",
        "feb fev",
        "mar maa mrt mrz",
        "apr abr avr",
        "may mai mag mei",
        "jun juin giu",
        "jul juil lug",
        "aug aou ago",
        "sep set",
        "oct okt ott out",
        "nov",
        "dec dez dic",
    )
)
_ZONES = {"est": timezone(timedelta(hours=-5)), "edt": timezone(timedelta(hours=-4)), "et": EASTERN, "gmt": UTC, "utc": UTC}
_OFFSET = re.compile(r"\b(?:gmt|utc) ?([+-])(\d{1,2})(?::?(\d\d))?(?!\d)")
_ZONE = re.compile(r"\b(est|edt|et|gmt|utc)\b")
_TIME = re.compile(r"(?<!\d)(\d{1,2}) ?(?:h|:) ?(\d\d)(?::(\d\d))?(?!\d)")
_AFTERNOON = re.compile(r"\bp\.? ?m\b|下午|午後")
_MORNING = re.compile(r"\ba\.? ?m\b|上午|午前")
_WORD = re.compile(r"[a-z]{3,}")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def instant_in_words(text: str) -> datetime:
    """The UTC instant of a date, a time and a zone in any of the known languages; UnreadableFileError where it is none."""
    plain = _plain(text)
    zone, plain = _take_zone(plain)
    found = _TIME.search(plain)
    if found is None:
        raise UnreadableFileError("its date has no time of day")
    hour, minute, second = (int(part or 0) for part in found.groups())
    rest = f"{plain[: found.start()]} {plain[found.end() :]}"
    if _AFTERNOON.search(rest):
        hour = hour % 12 + 12
    elif _MORNING.search(rest):
        hour %= 12
    try:
        return datetime.combine(_day(rest), time(hour, minute, second), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableFileError("its date is not a date and time that exist") from None


def _plain(text: str) -> str:
    """Lower case, without accents, exotic dashes and the narrow blanks that browsers put before PM."""
    letters = unicodedata.normalize("NFKD", text.translate(_DASHES).lower())
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())


def _take_zone(plain: str) -> tuple[tzinfo, str]:
    """The zone, and the text without it: the 4 of GMT-4 is no day of a month."""
    if offset := _OFFSET.search(plain):
        sign, hours, minutes = offset.groups()
        distance = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if distance >= timedelta(days=1):
            raise UnreadableFileError("its date has a time zone that does not exist")
        return timezone(-distance if sign == "-" else distance), f"{plain[: offset.start()]} {plain[offset.end() :]}"
    if name := _ZONE.search(plain):
        return _ZONES[name[0]], f"{plain[: name.start()]} {plain[name.end() :]}"
    raise UnreadableFileError("its date has no time zone; write it as in December 12, 2022 at 8:30 PM EST")


def _day(text: str) -> date:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    years = [number for number in numbers if number > 31]
    month = next((month for word in _WORD.findall(text) if (month := _month(word)) is not None), None)
    if len(years) != 1 or len(numbers) != (3 if month is None else 2):
        raise UnreadableFileError("its date has not one year, one month and one day")
    others = [number for number in numbers if number != years[0]]
    if month is not None:
        return date(years[0], month, others[0])
    one, two = others
    if numbers[0] == years[0]:
        return date(years[0], one, two)
    if one != two and one <= 12 and two <= 12:
        raise UnreadableFileError("its date could be of two months; write the month as a word")
    return date(years[0], min(one, two), max(one, two))


def _month(word: str) -> int | None:
    return next((number for number, beginnings in enumerate(_MONTHS, 1) if word.startswith(beginnings)), None)
