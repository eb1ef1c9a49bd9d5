"""FlashAlpha's dispersion figures: as published, and what does not fit them is said."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exposure.snapshot import MissingReason, Notice
from sources.base import DispersionSource, PublishedDispersion
from tests.sources.flashalpha_upstream import Upstream, a_source, iv_of, sent, serving, wall
from tests.sources.loopback import Behaviour, Loopback

pytestmark = pytest.mark.anyio

PATH = "/v1/dispersion"
WEIGHTS = {"AAPL": 0.5, "MSFT": 0.3, "NVDA": 0.2}
SAMPLE: dict[str, object] = {
    "as_of": "2026-05-27T15:30:00Z",
    "index": "SPX",
    "missing_symbols": [],
    "horizon_days": 20,
    "implied_correlation": 0.412,
    "realized_correlation": 0.385,
    "implied_vol_index": 0.138,
    "implied_vol_basket": 0.224,
    "top_contributors": [
        {"symbol": "NVDA", "weight": 0.20, "iv": 0.46},
        {"symbol": "AAPL", "weight": 0.50, "iv": 0.18},
        {"symbol": "MSFT", "weight": 0.30, "iv": 0.14},
    ],
}


async def asked(upstream: Loopback, horizon: int = 20, weights: Mapping[str, float] = WEIGHTS) -> PublishedDispersion | Notice:
    async with a_source(upstream) as source:
        assert isinstance(source, DispersionSource)
        return await source.dispersion("SPX", weights, horizon)


async def test_the_figures_are_those_published() -> None:
    with serving(Upstream()) as upstream:
        answer = await asked(upstream)
    assert isinstance(answer, PublishedDispersion)
    assert answer.index_iv == 0.138
    assert answer.constituent_iv == {symbol: iv_of(symbol) for symbol in WEIGHTS}
    assert answer.basket_iv == pytest.approx(sum(weight * iv_of(symbol) for symbol, weight in WEIGHTS.items()))
    assert answer.correlation_to_index == 0.385
    assert answer.horizon_days == 20
    assert answer.as_of == wall("2026-05-27T13:58:14.930357")
    assert answer.missing == ()
    assert [notice.code for notice in answer.notices] == ["upstream_calls"]
    (request,) = upstream.requests
    assert {name: request.query[name] for name in ("index", "symbols", "horizon_days")} == {
        "index": "SPX",
        "symbols": "AAPL,MSFT,NVDA",
        "horizon_days": "20",
    }
    assert [float(one) for one in request.query["weights"].split(",")] == [0.5, 0.3, 0.2]


async def test_the_vendors_own_sample_contradicts_itself_and_that_is_said() -> None:
    with serving(Upstream(instead={PATH: sent(SAMPLE)})) as upstream:
        answer = await asked(upstream)
    assert isinstance(answer, PublishedDispersion)
    assert answer.implied_correlation == 0.412
    said = {notice.code: notice.message for notice in answer.notices}
    assert "0.412" in said["vendor_implied_correlation_differs"]
    assert "give 0.022" in said["vendor_implied_correlation_differs"]


@pytest.mark.parametrize(("horizon", "sent_horizon"), [(1, "5"), (5, "5"), (30, "30"), (252, "252"), (400, "252")])
async def test_the_horizon_is_clamped(horizon: int, sent_horizon: str) -> None:
    with serving(Upstream()) as upstream:
        answer = await asked(upstream, horizon)
    assert upstream.requests[0].query["horizon_days"] == sent_horizon
    assert isinstance(answer, PublishedDispersion)
    assert answer.horizon_days == int(sent_horizon)


async def test_names_without_figures_are_missing() -> None:
    with serving(Upstream(absent={"MSFT"})) as upstream:
        answer = await asked(upstream)
    assert isinstance(answer, PublishedDispersion)
    assert [(one.symbol, one.reason) for one in answer.missing] == [("MSFT", MissingReason.WARMING)]
    assert set(answer.constituent_iv) == {"AAPL", "NVDA"}


async def test_what_is_no_number_or_no_volatility_is_none() -> None:
    odd = {
        **SAMPLE,
        "implied_correlation": float("nan"),
        "realized_correlation": 7.0,
        "implied_vol_index": 13.8,
        "implied_vol_basket": "0.2",
        "horizon_days": 1e9,
        "top_contributors": [{"symbol": "NVDA", "weight": 1.0, "iv": -1.0}, {"symbol": "AAPL", "iv": None}, {"symbol": "MSFT"}],
    }
    with serving(Upstream(instead={PATH: sent(odd)})) as upstream:
        answer = await asked(upstream)
    assert isinstance(answer, PublishedDispersion)
    assert (answer.index_iv, answer.basket_iv, answer.implied_correlation, answer.correlation_to_index) == (None,) * 4
    assert answer.constituent_iv == {}
    assert answer.horizon_days == 20


@pytest.mark.parametrize(
    ("behaviour", "code", "sentence"),
    [
        (
            sent({"error": "tier_restricted", "current_plan": "Growth", "required_plan": "Alpha"}, 403),
            "dispersion_not_entitled",
            "plan Alpha or higher",
        ),
        (sent({"error": "index_not_found"}, 404), "dispersion_unavailable", "no figures for this index"),
        (sent({"detail": "Internal server error"}, 500), "dispersion_unavailable", "status 500"),
        (sent({"title": "Unauthorized", "status": 401}, 401), "dispersion_unavailable", "refused the key"),
        (sent([]), "dispersion_unavailable", "could not be read"),
        (sent({**SAMPLE, "as_of": None}), "dispersion_unavailable", "does not say when"),
    ],
)
async def test_a_refusal_is_a_notice(behaviour: Behaviour, code: str, sentence: str) -> None:
    with serving(Upstream(instead={PATH: behaviour})) as upstream:
        answer = await asked(upstream)
    assert isinstance(answer, Notice)
    assert answer.code == code
    assert sentence in answer.message


async def test_more_than_fifty_names_or_none_are_not_asked_for() -> None:
    with serving(Upstream()) as upstream:
        many = await asked(upstream, weights={f"N{number}": 1.0 for number in range(51)})
        none = await asked(upstream, weights={"AAPL": 0.0, "MSFT": float("nan")})
    assert upstream.requests == []
    assert isinstance(many, Notice)
    assert "not 51" in many.message
    assert isinstance(none, Notice)


async def test_without_a_key_there_is_a_notice() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream, key="  ") as source:
            answer = await source.dispersion("SPX", WEIGHTS, 20)
    assert isinstance(answer, Notice)
    assert "FLASHALPHA_API_KEY" in answer.message
    assert upstream.requests == []


async def test_the_same_question_within_the_cache_lifetime_costs_nothing() -> None:
    with serving(Upstream()) as upstream:
        async with a_source(upstream) as source:
            await source.dispersion("SPX", WEIGHTS, 20)
            await source.dispersion("SPX", WEIGHTS, 20)
            await source.dispersion("SPX", WEIGHTS, 30)
    assert len(upstream.requests) == 2
