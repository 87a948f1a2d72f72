"""The running trust: what share of the voices that were bound to a face belong to it.

Each utterance brings a Bayes factor L of "own voice" against "foreign voice" (the agreement of
:mod:`~mer_ros.fusion.reliability`). For a recording in which a share s of the voices belong, its
likelihood is s L + 1 - s up to a constant, so the posterior of s is known exactly on a grid: no
iteration, no lag, and the mean of it is all that the pool needs, for the pool is linear in s.

Before anything was heard the recording is in order with some probability, so that nearly all
voices belong, or anything may be the case. That two-part prior leaves a good recording alone
and gives up a bad one after a few utterances; one broad prior does either worse
(``benchmarks/fusion.py``, rows "P(in order)": near 0 it is flat).

Nothing that was heard fades. Instead a recording may begin anew at any time, as when a microphone
is moved or a television goes on: then the share is drawn from that prior again (Adams & MacKay
2007, "Bayesian online changepoint detection", with the share as the only state, which makes it a
hidden Markov chain). So the trust is steady for as long as nothing changes, and gone a few
utterances after something did, however long all went well before.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Table = NDArray[np.float64]

SHARES: Table = (np.arange(50) + 0.5) / 50
"""(50,) the shares of own voices that are told apart: middles of equal cells from 0 to 1."""

ORDERLY_SHARE = 0.97
ORDERLY_WORTH = 60.0
"""Mean and pseudo-counts of the beta distribution of s in a recording that is in order."""

CHANGE_S = 28_800.0
"""Mean time until the recording begins anew: eight hours. Chosen from 5 minutes to 8 hours by
streams of own, of half-swapped and of first own, then half-swapped voices
(``benchmarks/fusion.py --memory``)."""

LIMIT = 30.0
"""Log Bayes factors are cut off here; no utterance is surer than that."""


def log_prior(in_order: float) -> Table:
    """Return the (50,) log weights of the shares before anything was heard.

    Args:
        in_order: P(the recording is in order), 0..1.
    """
    own, foreign = ORDERLY_SHARE * ORDERLY_WORTH, (1.0 - ORDERLY_SHARE) * ORDERLY_WORTH
    beta = SHARES ** (own - 1.0) * (1.0 - SHARES) ** (foreign - 1.0)
    mixed = in_order * beta / beta.sum() + (1.0 - in_order) / SHARES.size
    return np.asarray(np.log(mixed), np.float64)


def log_likelihood(log_bayes_factors: ArrayLike) -> Table:
    """Return (..., 50): the log likelihood of each share, given (...) utterances."""
    factors = np.exp(np.clip(np.asarray(log_bayes_factors, np.float64), -LIMIT, LIMIT))
    return np.asarray(np.log(SHARES * factors[..., None] + 1.0 - SHARES), np.float64)


def aged(heard: Table, in_order: float, elapsed_s: float) -> Table:
    """Return what is left of what was heard after a time in which all may have changed.

    Args:
        heard: (50,) log likelihood of the shares, up to a constant.
        in_order: P(the recording is in order), 0..1; for the one that may have begun as well.
        elapsed_s: seconds that passed, 0 or more.

    Returns:
        (50,) log likelihood of the shares; 0 for what a whole new recording leaves.
    """
    if elapsed_s <= 0.0:
        return heard
    changed = -math.expm1(-elapsed_s / CHANGE_S)
    likelihood = np.exp(heard - heard.max())
    likelihood /= np.exp(log_prior(in_order)) @ likelihood
    return np.asarray(np.log((1.0 - changed) * likelihood + changed), np.float64)


def expected_share(log_weights: Table) -> float:
    """Return the mean share under (50,) log weights, inside 0.01..0.99."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights @ SHARES / weights.sum())
