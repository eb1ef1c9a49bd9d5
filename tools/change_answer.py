"""From the change of a basket to the fields of `explain_change`: what is shown, how it is rounded, what has to be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exposure.basket import Basket, BasketExposure, Constituent
from exposure.dealer import Greek
from exposure.flips import Side, flip_between, imbalance, next_side
from exposure.snapshot import Notice
from tools.answer import common_fields, coverage_sentence, time_notices, warning_list, without_detail
from tools.basket_answer import chain_notices, overlap_notices, partial_notices, weak_sign_notices
from tools.change_ends import End, nothing_newer
from tools.change_model import (
    COLUMNS,
    ChangeAnswer,
    ChangeTable,
    EndPart,
    FlipPart,
    NameChangeRow,
    PartName,
    RestOfNames,
)
from tools.change_rounding import Column, adding_up
from tools.change_text import change_text
from tools.figures import counted, eastern_clock, some_of
from tools.fitting import first_that_fits, json_length, limited_notices

if TYPE_CHECKING:
    # numpy is imported by the functions that need it: this module is imported at start-up.
    from exposure.attribution import Part
    from exposure.basket_attribution import BasketAttribution, NameChange

_DEFAULT_ANSWER_CHARACTERS = 3_550
_LOSSES = ("thin_coverage", "unusable_rows")
_READING = (
    "Weighted mean of the market's dealer exposure. Parts by revaluing in the order listed; what two do together goes to the "
    "later one. Each net is rounded to one unit and its parts, by largest remainder, so that before + parts = after as printed; "
    "less than half a unit shows as 0."
)


@dataclass(frozen=True, slots=True)
class ChangeFindings:
    """Both ends, the basket at each, and what its change is made of."""

    asked: Basket
    before: End
    after: End
    was: BasketExposure
    is_now: BasketExposure
    attribution: BasketAttribution
    read: Sequence[Notice]
    """What has to be said about how the arguments were understood."""
    full: bool


@dataclass(frozen=True, slots=True)
class _Room:
    """How much a default answer lists."""

    names: int
    flipped: int
    missing_before: int
    details: int
    warnings: int = 100


# From the usual to the shortest; the first that keeps both channels within the budget is given.
_ROOMS = (
    _Room(8, 8, 8, 3),
    _Room(6, 6, 6, 1),
    _Room(5, 5, 5, 0),
    _Room(4, 4, 4, 0),
    _Room(3, 3, 3, 0),
    _Room(2, 2, 2, 0),
    _Room(1, 1, 1, 0),
    _Room(1, 1, 1, 0, 5),
    _Room(1, 0, 0, 0, 3),
    _Room(0, 0, 0, 0, 2),
)
_EVERYTHING = _Room(10_000, 10_000, 10_000, 10_000)


def fitting_answer(findings: ChangeFindings) -> ChangeAnswer:
    """The answer, with as many names listed as the default's budget has room for, or with all of them and their parts."""
    return first_that_fits(
        (_EVERYTHING,) if findings.full else _ROOMS,
        lambda room: _answer(findings, room),
        lambda answer: max(json_length(structured(answer)), len(change_text(answer))),
        _DEFAULT_ANSWER_CHARACTERS,
    )


def structured(answer: ChangeAnswer) -> dict[str, object]:
    """The answer as structured content; a name has its parts only where they are listed."""
    bare = {index: {"parts"} for index, row in enumerate(answer.names) if row.parts is None}
    return answer.model_dump(mode="json", exclude={"missing": without_detail(answer.missing), "names": bare})


def _answer(findings: ChangeFindings, room: _Room) -> ChangeAnswer:
    attribution, is_now = findings.attribution, findings.is_now
    columns = {greek: _column(attribution, greek) for greek in Greek}
    names, rest = _names(findings, columns[Greek.GEX], room)
    flipped = _flipped_names(findings)
    lost = {one.missing.symbol: one.missing.reason for one in findings.was.missing}
    kinds = [name.kind.value for name in attribution.names]
    draft = ChangeAnswer(
        **common_fields(findings.after.snapshot, is_now.convention, is_now.missing, is_now.weight_coverage),
        headline="",
        warnings=warning_list(limited_notices(_notices(findings), room.warnings)),
        constituent_count=len(is_now.constituents),
        before=_end(findings.before, findings.was),
        after=_end(findings.after, is_now),
        nets=_table(attribution, columns),
        flip=_flip(findings),
        flipped_names=dict(list(flipped.items())[: room.flipped]),
        flipped_names_count=len(flipped),
        missing_before=dict(list(lost.items())[: room.missing_before]),
        missing_before_count=len(lost),
        kinds={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        names=names,
        rest=rest,
        reading=_READING,
    )
    for one in draft.missing[room.details :]:
        one.detail = None
    return draft.model_copy(update={"headline": _headline(findings, draft, columns[Greek.GEX])})


def _headline(findings: ChangeFindings, draft: ChangeAnswer, gex: Column) -> str:
    names = findings.asked.weights
    opening = coverage_sentence(len(names), draft.missing, draft.weight_coverage, synthetic=draft.synthetic)
    subject = "Net GEX" if len(names) > 1 else f"{next(iter(names))} net GEX"
    ends = f"{eastern_clock(draft.before.as_of)} to {eastern_clock(draft.after.as_of)}"
    text, parts = gex.unit.text, draft.nets.parts
    largest = max(parts, key=lambda part: abs(parts[part][0]))
    mostly = f"largest part {largest} {text(parts[largest][0])}" if parts[largest][0] else "no part moved it"
    flip = f"; flipped from {draft.flip.before.value} to {draft.flip.after.value}" if draft.flip else ""
    unexplained = parts["unexplained"][0]
    open_part = f"; unexplained {text(unexplained)}" if unexplained and largest != "unexplained" else ""
    return (
        f"{opening} {subject} {text(gex.before)} to {text(gex.after)} per 1% move, {ends}: change {text(gex.change)}, "
        f"{mostly}{open_part}{flip}."
    ).strip()


def _column(attribution: BasketAttribution, greek: Greek) -> Column:
    return Column.of(
        attribution.before.of(greek),
        attribution.after.of(greek),
        [nets.of(greek) for nets in attribution.parts.values()],
    )


def _table(attribution: BasketAttribution, columns: dict[Greek, Column]) -> ChangeTable:
    each = list(columns.values())
    return ChangeTable(
        columns=list(COLUMNS),
        rounded_to=[one.unit.dollars for one in each],
        before=[one.before for one in each],
        after=[one.after for one in each],
        change=[one.change for one in each],
        parts={_part_name(part): [one.parts[place] for one in each] for place, part in enumerate(attribution.parts)},
    )


def _part_name(part: Part) -> PartName:
    return part.value


def _names(findings: ChangeFindings, gex: Column, room: _Room) -> tuple[list[NameChangeRow], RestOfNames | None]:
    """The names with the largest changes and the rest as one sum, in the unit of the basket, adding up to its change."""
    names = findings.attribution.names
    changes = adding_up([name.change.gex for name in names], gex.change, gex.unit)
    flipped = _flipped_names(findings)
    rows = [
        _name_row(name, change, gex, flipped, full=findings.full)
        for name, change in zip(names[: room.names], changes, strict=False)
    ]
    others = changes[len(rows) :]
    if not others:
        return rows, None
    total = gex.unit.value(sum(gex.unit.nearest(one) for one in others))
    return rows, RestOfNames(names=len(others), net_gex_change=total)


def _name_row(name: NameChange, change: float, gex: Column, flipped: Mapping[str, Side], *, full: bool) -> NameChangeRow:
    exact = [nets.gex for nets in name.parts.values()]
    parts = dict(zip(map(_part_name, name.parts), adding_up(exact, change, gex.unit), strict=True))
    largest = max(parts, key=lambda part: abs(parts[part]))
    return NameChangeRow(
        symbol=name.symbol,
        kind=name.kind.value,
        net_gex_change=change,
        largest_part=largest if parts[largest] else None,
        largest_part_net_gex=parts[largest],
        flip=flipped.get(name.symbol),
        parts={part: value for part, value in parts.items() if value} if full else None,
    )


def _end(end: End, result: BasketExposure) -> EndPart:
    share = imbalance(result)
    return EndPart(
        as_of=end.snapshot.as_of,
        at_requested=end.snapshot.provenance.at,
        weight_coverage=result.weight_coverage,
        imbalance=share,
        side=None if share is None else next_side(share),
    )


def _flip(findings: ChangeFindings) -> FlipPart | None:
    flip = flip_between(imbalance(findings.was), imbalance(findings.is_now))
    if flip is None:
        return None
    changed = findings.before.snapshot.exposures.keys() != findings.after.snapshot.exposures.keys()
    return FlipPart(before=flip.before, after=flip.after, names_changed=changed)


def _flipped_names(findings: ChangeFindings) -> dict[str, Side]:
    """The side each flipped name is on now, largest change first."""
    was, is_now = (
        {one.exposure.symbol: _imbalance_of(one) for one in end.constituents} for end in (findings.was, findings.is_now)
    )
    flips = {name.symbol: flip_between(was.get(name.symbol), is_now.get(name.symbol)) for name in findings.attribution.names}
    return {symbol: flip.after for symbol, flip in flips.items() if flip}


def _imbalance_of(one: Constituent) -> float | None:
    legs = one.exposure.legs(Greek.GEX)
    return one.nets.gex / legs.gross if legs and legs.gross else None


def _notices(findings: ChangeFindings) -> list[Notice]:
    """Everything to be careful about, what limits the answer most first."""
    before, after = findings.before, findings.after
    notices = [*partial_notices(findings.is_now), *_unsplit(findings), *findings.read]
    notices += [*before.snapshot.provenance.notices, *after.snapshot.provenance.notices]
    notices += [*time_notices(before.snapshot), *time_notices(after.snapshot)]
    same = nothing_newer(before.snapshot, after.snapshot)
    if same:
        sentence = f"Quotes are no newer at the later end for {counted(len(same), 'name')}: {some_of(same)}; no change is known."
        notices.append(Notice("same_quotes", sentence))
    notices += chain_notices(findings.is_now)
    # The nets of the earlier end stand beside the later ones, as if they were of as much of the market.
    notices += [
        Notice(one.code, f"At the earlier end: {one.message}") for one in chain_notices(findings.was) if one.code in _LOSSES
    ]
    if findings.asked.merged:
        notices.append(Notice("merged_symbols", f"Named more than once, weights added: {some_of(findings.asked.merged)}."))
    return list(dict.fromkeys([*notices, *overlap_notices(findings.is_now), *weak_sign_notices(findings.is_now)]))


def _unsplit(findings: ChangeFindings) -> list[Notice]:
    """What of the change is not split by cause, and why."""
    names, notices = findings.attribution.names, []
    if not (findings.before.publishes_chains and findings.after.publishes_chains):
        where = "either end" if not (findings.before.publishes_chains or findings.after.publishes_chains) else "one end"
        sentence = f"The source publishes nets and no option chains at {where}: the change of every name there is unexplained."
        notices.append(Notice("nets_only", sentence))
    else:
        unexplained = [name.symbol for name in names if name.kind.value == "unexplained"]
        if unexplained:
            sentence = (
                f"No option chain at one end at least for {counted(len(unexplained), 'name')}: {some_of(unexplained)}; the "
                "change is known, its causes are unexplained."
            )
            notices.append(Notice("unexplained_names", sentence))
    moved = [f"{name.symbol} {name.kind.value}" for name in names if name.kind.value in ("joined", "left")]
    if moved:
        sentence = (
            f"At one end only: {some_of(moved)}; what they and the shift of the other weights change is weights_and_membership."
        )
        notices.append(Notice("membership_changed", sentence))
    return notices
