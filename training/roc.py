"""How well a score tells two kinds apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def area_under_roc(
    positive: NDArray[np.floating[Any]], negative: NDArray[np.floating[Any]]
) -> float:
    """Return P(a positive scores above a negative), ties half (Mann and Whitney, 1947)."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)].sum()
    count = len(positive)
    return float((ranks - count * (count + 1) / 2) / (count * len(negative)))
