"""Chains to put under stress, and one name alone in a scenario."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from exposure.basket import Basket
from exposure.chain import Chain
from exposure.dealer import SignConvention
from exposure.stress import Scenario, Stress, stress
from tests.builders import Contract, a_call, a_chain, a_put

STREET = SignConvention.STREET
LATER = date(2024, 9, 20)


def a_dividend_chain(contracts: list[Contract], symbol: str = "NVDA", spot: float = 100.0) -> Chain:
    """A chain whose forwards are not those of the rate, so that dividends enter every term."""
    chain = a_chain(contracts, symbol=symbol, spot=spot)
    curve = replace(chain.curve, forward=spot * np.exp(0.01 * chain.curve.years))
    return replace(chain, curve=curve)


def some_contracts(spot: float = 100.0) -> list[Contract]:
    listed = []
    for expiry in (date(2024, 7, 5), LATER):
        for index, share in enumerate((0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25)):
            iv = 0.22 + 0.5 * (share - 1.0) ** 2 - 0.15 * (share - 1.0)
            listed += [
                a_call(share * spot, expiry=expiry, iv=iv, open_interest=300.0 + 150 * index),
                a_put(share * spot, expiry=expiry, iv=iv, open_interest=1500.0 - 170 * index),
            ]
    return listed


def only(chain: Chain, scenario: Scenario, convention: SignConvention = STREET, beta: float = 1.0) -> Stress:
    return stress(Basket.of([chain.symbol]), {chain.symbol: chain}, convention, scenario, {chain.symbol: beta})
