"""The named baskets as Markdown: all of them in short, or one with its weights."""

from __future__ import annotations

from sources.baskets import BasketCatalogue, NamedBasket, built_in_baskets
from tools.baskets import mistakes_in, named_basket
from tools.figures import percent
from tools.reference.lines import within

AS_OF = "2026-11-22"
ORIGIN = (
    "The built-in names were chosen by hand from large, liquid US-listed names with options, by GICS sector as commonly "
    f"classified, as of {AS_OF}. They are not an official list of constituents. No weight in any index is stated: without "
    "weights of your own they count equally."
)


def basket_line(basket: NamedBasket) -> str:
    """One basket as a list item: `* **semis** (SMH): NVDA, AMD, ...`."""
    facts = [basket.index or "no index", *(["partial"] if basket.partial else []), *(["own weights"] if basket.weights else [])]
    return f"* **{basket.name}** ({', '.join(facts)}): {', '.join(basket.symbols)}"


def baskets_text(catalogue: BasketCatalogue, longest: int) -> str:
    """Every basket there is now. Baskets and mistakes for which `longest` characters leave no room are counted."""
    own = catalogue.own()
    lines = [
        "# Baskets",
        "",
        "In brackets the index or fund that is set beside the basket. `partial`: the names stand for a part of that index only.",
        "",
        "## Built-in",
        "",
        ORIGIN,
        "",
        *(basket_line(one) for one in built_in_baskets().values()),
        "",
        "## Yours",
        "",
    ]
    if not own:
        lines.append("None. DEALER_EXPOSURE_BASKETS names a TOML file: a table for each basket with symbols, weights and index.")
    mistakes = [f"* Mistake: {sentence}" for sentence in mistakes_in(catalogue)]
    # Mistakes first: a basket that is not there is explained by one of them.
    return within(lines, [*mistakes, *(basket_line(one) for one in own.values())], longest)


def basket_text(catalogue: BasketCatalogue, name: str) -> str:
    """One basket with the share of each name.

    Raises ToolError with the nearest names when there is none of that name.
    """
    basket = named_basket(catalogue, name)
    shares = basket.weights or [1.0 / len(basket.symbols)] * len(basket.symbols)
    partial = ", of which the names are a part only: no result is the index's own" if basket.partial else ""
    lines = [
        f"# {basket.name}",
        "",
        f"* Origin: {f'built-in, as of {AS_OF}' if basket.name in built_in_baskets() else 'your baskets file'}",
        f"* Index or fund beside it: {basket.index or 'none'}{partial}",
        f"* Weights: {'yours' if basket.weights else 'equal'}",
        "",
        "| symbol | weight |",
        "|---|---|",
        *(f"| {symbol} | {percent(share, 2)} |" for symbol, share in zip(basket.symbols, shares, strict=True)),
    ]
    return "\n".join(lines) + "\n"
