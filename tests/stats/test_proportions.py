"""The score test of paired proportions, against published examples and its own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from evalsuite.stats import largest_drop, noninferiority_p, paired_proportions_p


def test_tangos_own_example() -> None:
    """44 contact lenses, one pair differs, margin 0.1: Z = 1.709 (Tango 1998, section 5)."""
    assert norm.isf(paired_proportions_p(0, 1, 44, 0.1)) == pytest.approx(1.709, abs=5e-4)


def test_airway_example() -> None:
    """Bentur et al., 21 children, 1 and 7 discordant: the 95 % interval is -0.517 to -0.026
    (Fagerland, Lydersen and Laake 2014)."""
    assert -largest_drop(1, 7, 21, 0.025) == pytest.approx(-0.517, abs=5e-4)
    assert largest_drop(7, 1, 21, 0.025) == pytest.approx(-0.026, abs=5e-4)


@pytest.mark.parametrize(
    ("won", "lost", "samples", "margin"),
    [(3, 8, 100, 0.05), (5, 1, 200, 0.02), (0, 4, 50, 0.1), (7, 7, 40, 0.0), (12, 3, 60, 0.3)],
)
def test_the_variance_is_that_of_the_restricted_likelihood(
    won: int, lost: int, samples: int, margin: float
) -> None:
    def likelihood(q: float) -> float:
        terms = [(won, q), (lost, q + margin), (samples - won - lost, 1 - 2 * q - margin)]
        return -sum(count * math.log(share) for count, share in terms if count)

    top = (1 - margin) / 2 - 1e-12
    found = minimize_scalar(likelihood, bounds=(1e-12, top), method="bounded").x
    spread = math.sqrt((2 * found + margin - margin**2) / samples)
    z = ((won - lost) / samples + margin) / spread
    assert paired_proportions_p(won, lost, samples, margin) == pytest.approx(norm.sf(z), abs=2e-4)


def test_no_change_in_few_items_rules_out_little() -> None:
    """Without a change, ``z² = n·m / (1 − m)``: 60 items leave drops of up to 4.3 points open."""
    z = norm.isf(0.05)
    assert largest_drop(0, 0, 60) == pytest.approx(z**2 / (60 + z**2), abs=1e-6)
    assert largest_drop(0, 0, 6000) < 0.0005
    assert paired_proportions_p(0, 0, 60, 0.0) == 1.0


def test_a_gain_is_the_mirror_of_a_drop() -> None:
    assert largest_drop(60, 0, 60) < -0.9
    assert largest_drop(0, 60, 60) == 1.0
    mirrored = 1 - paired_proportions_p(2, 9, 80, 0.04)
    assert paired_proportions_p(9, 2, 80, -0.04) == pytest.approx(mirrored)


def test_the_bound_holds_its_level() -> None:
    """A true drop of 5 points lies above the bound in about 5 % of draws, not more."""
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(300, [0.04, 0.09, 0.87], size=600)
    missed = [largest_drop(won, lost, 300) < 0.05 for won, lost, _ in drawn]
    assert np.mean(missed) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)


def test_non_inferiority_is_a_shifted_t_test() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(-0.02, 0.1, 50)
    from scipy.stats import ttest_1samp

    error = values.std(ddof=1) / math.sqrt(50)
    expected = ttest_1samp(values, -0.05, alternative="greater").pvalue
    assert noninferiority_p(values.mean(), error, 50, 0.05) == pytest.approx(expected)
    assert noninferiority_p(0.0, 0.0, 50, 0.0) == 1.0
    assert noninferiority_p(0.0, 0.0, 50, 0.01) == 0.0
