"""Tails and quantiles of the distributions that tests use.

From ``scipy.special``: importing ``scipy.stats`` takes longer than comparing two checkpoints.
"""

from __future__ import annotations


def t_tail(x: float, freedom: int) -> float:
    """Probability that Student's t exceeds ``x``."""
    from scipy.special import stdtr

    return float(stdtr(freedom, -x))


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def normal_tail(x: float) -> float:
    """Probability that a standard normal variable exceeds ``x``."""
    from scipy.special import ndtr

    return float(ndtr(-x))


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def fair_coin_tail(heads: int, tosses: int) -> float:
    """Probability of at most ``heads`` heads in ``tosses`` tosses of a fair coin."""
    from scipy.special import bdtr

    return float(bdtr(heads, tosses, 0.5))
