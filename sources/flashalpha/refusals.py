"""What FlashAlpha's refusals mean: from a status and one of its error envelopes to a `MissingReason` and a sentence.

A 401 says `{title, status, detail}`, everything else `{error, message, ...}`, and a proxy in between says anything. None of that
text is repeated: a sentence holds at most a code or a plan's name from the body, and only where it cannot be anything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exposure.snapshot import MissingReason
from sources.flashalpha import wire
from sources.http import FetchError, FetchProblem, Reply
from sources.http.retry_after import retry_after

KEY_WANTED = (
    "FlashAlpha needs a key: set FLASHALPHA_API_KEY (or DEALER_EXPOSURE_FLASHALPHA_API_KEY, "
    "or either name with _FILE and the path of a file)."
)
_PLAN = re.compile(r"[A-Za-z0-9+-]{1,16}( [A-Za-z0-9+-]{1,16})?", re.ASCII)
_CODE = re.compile(r"[a-z][a-z_]{1,39}", re.ASCII)
_LONGEST_WAIT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call brought nothing.

    `absent`: the upstream has no data for what was asked. `for_all`: any other call would fare the same. `plan_needed`: a higher
    plan would be answered.
    """

    reason: MissingReason
    sentence: str
    absent: bool = False
    for_all: bool = False
    plan_needed: bool = False


def refusal_of(reply: Reply, now: datetime, secret: str) -> Refusal | None:
    """Why this reply is none, or None for one with status 200. No sentence holds `secret`, whatever the body says."""
    if reply.status == 200:
        return None
    body = wire.document(reply.body) or {}
    match reply.status:
        case 401:
            sentence = "FlashAlpha refused the key; check that it is complete and still valid."
            refusal = Refusal(MissingReason.NOT_ENTITLED, sentence, for_all=True)
        case 403:
            refusal = _forbidden(body, secret)
        case 404 if _CODE.fullmatch(wire.text(body.get("error")) or ""):
            refusal = Refusal(MissingReason.UNKNOWN_SYMBOL, "FlashAlpha has no data for this.", absent=True)
        case 404:
            # An address that leads elsewhere must not make every symbol unknown.
            sentence = "FlashAlpha's address answered 404 without saying why; check the base URL."
            refusal = Refusal(MissingReason.FETCH_FAILED, sentence)
        case 429:
            refusal = Refusal(MissingReason.RATE_LIMITED, _too_many(reply.headers, body, now), for_all=True)
        case status if status >= 500:
            sentence = f"FlashAlpha answered with an error of its own (status {status}); ask again in a moment."
            refusal = Refusal(MissingReason.FETCH_FAILED, sentence)
        case status:
            code = _printable(body.get("error"), _CODE, secret)
            named = f"{code}, status {status}" if code else f"status {status}"
            refusal = Refusal(MissingReason.FETCH_FAILED, f"FlashAlpha did not accept the question ({named}).")
    return refusal


def refusal_without_reply(problem: FetchError) -> Refusal:
    """Why there was no reply at all."""
    match problem.problem:
        case FetchProblem.TIMED_OUT:
            return Refusal(MissingReason.TIMED_OUT, str(problem))
        case FetchProblem.LIMITED:
            return Refusal(MissingReason.RATE_LIMITED, str(problem), for_all=True)
    return Refusal(MissingReason.FETCH_FAILED, str(problem))


def unreadable() -> Refusal:
    """A reply with status 200 that is not a JSON object."""
    return Refusal(MissingReason.FETCH_FAILED, "FlashAlpha's answer could not be read; ask again in a moment.")


def plan_name(value: object, secret: str) -> str | None:
    """The name of a plan as a sentence may show it; None for anything that does not look like one."""
    return _printable(value, _PLAN, secret)


def _forbidden(body: wire.Document, secret: str) -> Refusal:
    current, required = plan_name(body.get("current_plan"), secret), plan_name(body.get("required_plan"), secret)
    code = _printable(body.get("error"), _CODE, secret)
    yours = f"your FlashAlpha plan ({current})" if current else "your FlashAlpha plan"
    if required:
        sentence = f"This needs the FlashAlpha plan {required} or higher, and {yours} does not cover it."
    elif code == "symbol_not_in_free_universe":
        sentence = f"{yours[0].upper()}{yours[1:]} does not cover this symbol; a higher plan does."
    else:
        sentence = f"{yours[0].upper()}{yours[1:]} does not cover this (status 403), and no plan that does was named."
    by_plan = required is not None and code != "symbol_not_in_free_universe"
    return Refusal(MissingReason.NOT_ENTITLED, sentence, for_all=by_plan, plan_needed=True)


def _too_many(headers: Mapping[str, str], body: wire.Document, now: datetime) -> str:
    seconds = retry_after(headers)
    wait = timedelta(seconds=seconds) if seconds is not None and math.isfinite(seconds) else None
    until = wire.instant(body.get("reset_at"), UTC) or (now + wait if wait is not None else None)
    if until is None or not now < until <= now + _LONGEST_WAIT:
        return "FlashAlpha's call limit is reached; the daily quota is renewed at midnight UTC."
    return f"FlashAlpha's call limit is reached until {until:%Y-%m-%d %H:%M} UTC."


def _printable(value: object, shape: re.Pattern[str], secret: str) -> str | None:
    if not isinstance(value, str) or not shape.fullmatch(value) or (secret and secret in value):
        return None
    return value
