"""The answer of `explain_change` as text: the same facts and numbers, for hosts that show their model the text alone."""

from __future__ import annotations

from tools.answer import missing_text, source_text, warning_lines
from tools.change_model import ChangeAnswer, EndPart, NameChangeRow
from tools.change_rounding import Unit
from tools.figures import counted, eastern_clock, percent


def change_text(answer: ChangeAnswer) -> str:
    """All lines, headline first."""
    gex = _units(answer)[0]
    lines = [
        answer.headline,
        f"Before {_end_text(answer.before)}.",
        f"After {_end_text(answer.after)}.",
        *_table_lines(answer),
        f"Flip of the basket: {_flip_text(answer)}. Flipped names: {_flipped_text(answer)}.",
        f"Names: {', '.join(f'{count} {kind}' for kind, count in answer.kinds.items())}. {_missing_before_text(answer)}",
        *(["Weighted change of net GEX by name (kind; largest part):"] if answer.names else []),
        *(_name_text(row, gex) for row in answer.names),
        *([f"rest({answer.rest.names}) {gex.text(answer.rest.net_gex_change)}"] if answer.rest else []),
        *([missing_text(answer.missing)] if answer.missing else []),
        source_text(answer),
        f"{answer.units}. {answer.reading}",
    ]
    return "\n".join([*lines, *warning_lines(answer)])


def _units(answer: ChangeAnswer) -> list[Unit]:
    """The unit of each column, from its largest number."""
    table = answer.nets
    rows = [table.before, table.after, *table.parts.values()]
    return [Unit.of_rounded([row[place] for row in rows], table.rounded_to[place]) for place in range(len(table.columns))]


def _table_lines(answer: ChangeAnswer) -> list[str]:
    table, units = answer.nets, _units(answer)

    def row(name: str, values: list[float]) -> str:
        return " ".join([name, *(unit.text(value) for unit, value in zip(units, values, strict=True))])

    return [
        f"row {' '.join(table.columns)}",
        row("before", table.before),
        *(row(part, values) for part, values in table.parts.items()),
        row("after", table.after),
        row("change", table.change),
    ]


def _end_text(end: EndPart) -> str:
    asked = f" (asked {eastern_clock(end.at_requested)})" if end.at_requested and end.at_requested != end.as_of else ""
    side = f"net/gross {percent(end.imbalance)} {end.side.value}" if end.side else "net/gross null"
    return f"{eastern_clock(end.as_of)}{asked}: {side}, {percent(end.weight_coverage)} of weight"


def _flip_text(answer: ChangeAnswer) -> str:
    if answer.flip is None:
        return "none" if answer.before.side and answer.after.side else "null"
    names = ", other names at the two ends" if answer.flip.names_changed else ""
    return f"{answer.flip.before.value} to {answer.flip.after.value}{names}"


def _flipped_text(answer: ChangeAnswer) -> str:
    listed = ", ".join(f"{symbol} to {side.value}" for symbol, side in answer.flipped_names.items())
    return f"{answer.flipped_names_count}{f' ({listed})' if listed else ''}"


def _missing_before_text(answer: ChangeAnswer) -> str:
    if not answer.missing_before_count:
        return "None missing before."
    listed = ", ".join(f"{symbol} {reason.value}" for symbol, reason in answer.missing_before.items())
    return f"{counted(answer.missing_before_count, 'name')} missing before{f': {listed}' if listed else ''}."


def _name_text(row: NameChangeRow, gex: Unit) -> str:
    largest = f"{row.largest_part} {gex.text(row.largest_part_net_gex)}" if row.largest_part else "no part"
    flip = f", flipped to {row.flip.value}" if row.flip else ""
    parts = f" | {', '.join(f'{part} {gex.text(value)}' for part, value in row.parts.items())}" if row.parts else ""
    return f"{row.symbol} {gex.text(row.net_gex_change)} ({row.kind}; {largest}{flip}){parts}"
