"""Sign changes of any curve: pairs, touches, jumps, noise."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exposure.basket_flip import interpolated
from exposure.greeks import Floats
from exposure.roots import sign_changes


class TestSignChanges:
    @staticmethod
    def of(roots: list[float], points: int = 50) -> Floats:
        grid = np.linspace(-1.0, 1.0, points)

        def curve(at: Floats) -> Floats:
            return np.asarray(np.prod([at - root for root in roots], axis=0))

        return sign_changes(curve, grid, curve(grid))

    @given(st.lists(st.integers(-18, 18), min_size=1, max_size=6, unique=True))
    def test_every_root_of_a_polynomial_is_found(self, twentieths: list[int]) -> None:
        roots = sorted(value / 20.0 + 0.00123 for value in twentieths)
        np.testing.assert_allclose(self.of(roots, 241), roots, atol=1e-9)

    def test_a_pair_between_two_points_of_the_grid_is_found(self) -> None:
        np.testing.assert_allclose(self.of([0.101, 0.115]), [0.101, 0.115], atol=1e-10)

    def test_a_curve_that_touches_zero_has_no_root_there(self) -> None:
        assert len(self.of([0.1, 0.1])) == 0

    def test_a_root_on_the_grid_is_one_root(self) -> None:
        np.testing.assert_allclose(self.of([0.0], 51), [0.0], atol=1e-12)

    def test_nothing_and_noise_have_no_sign(self) -> None:
        grid = np.linspace(0.0, 1.0, 11)
        assert len(sign_changes(np.zeros_like, grid, np.zeros(11))) == 0

        def with_noise(at: Floats) -> Floats:
            return np.where(at < 0.35, 1.0, -1e-14)

        assert len(sign_changes(with_noise, grid, with_noise(grid))) == 0

    def test_a_jump_is_located(self) -> None:
        grid = np.linspace(0.0, 1.0, 11)

        def jump(at: Floats) -> Floats:
            return np.where(at < np.pi / 10, 1.0, -1000.0)

        np.testing.assert_allclose(sign_changes(jump, grid, jump(grid)), [np.pi / 10], atol=1e-11)

    def test_a_sketch_says_where_to_look_and_the_curve_decides(self) -> None:
        grid = np.linspace(0.0, 1.0, 11)

        def curve(at: Floats) -> Floats:
            return np.asarray(1.0 - 2.0 * np.exp(-(((at - 0.55) / 0.01) ** 2)))

        def too_low(at: Floats) -> Floats:
            return np.where(at > 0.9, -1.0, curve(at) - 1e-4)

        closer = np.concatenate([np.linspace(0.51, 0.59, 33), np.linspace(0.91, 0.99, 9)])
        found = sign_changes(curve, grid, np.ones(11), closer, sketch=too_low)
        half_width = 0.01 * np.sqrt(np.log(2.0))
        np.testing.assert_allclose(found, [0.55 - half_width, 0.55 + half_width], atol=1e-10)


def test_the_cubic_between_grid_points_is_exact_for_cubics_also_at_the_ends() -> None:
    grid, at = np.linspace(-1.0, 2.0, 7), np.linspace(-1.0, 2.0, 50)

    def cubic(x: Floats) -> Floats:
        return 2.0 * x**3 - x**2 + 0.5 * x - 3.0

    np.testing.assert_allclose(interpolated(grid, cubic(grid), at), cubic(at), atol=1e-12)
