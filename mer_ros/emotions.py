"""The vocabulary: seven displayed emotions, their order, and maps from other vocabularies.

Every probability vector of this package is indexed by :class:`Emotion`.

Valence and arousal are the published means of the emotion terms in Russell & Mehrabian (1977),
"Evidence for a three-factor theory of emotions", J. Research in Personality 11, 273-294: angry,
disgusted, fearful, happy, sad (terms "sad"), surprised; neutral is the origin by definition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Emotion(IntEnum):
    """Index of an emotion in every probability vector; equal to the constants of Emotion.msg."""

    ANGER = 0
    DISGUST = 1
    FEAR = 2
    HAPPINESS = 3
    SADNESS = 4
    SURPRISE = 5
    NEUTRAL = 6


COUNT = len(Emotion)
UNKNOWN = 255
"""Label for "not enough evidence to name one"; never an index."""

LABELS: tuple[str, ...] = tuple(emotion.name.lower() for emotion in Emotion)
"""Names in the order of :class:`Emotion`: ``('anger', ..., 'neutral')``."""

VALENCE_AROUSAL: NDArray[np.float32] = np.array(
    [
        [-0.51, 0.59],  # anger
        [-0.60, 0.35],  # disgust
        [-0.64, 0.60],  # fear
        [0.81, 0.51],  # happiness
        [-0.63, -0.27],  # sadness
        [0.40, 0.67],  # surprise
        [0.00, 0.00],  # neutral
    ],
    np.float32,
)
"""(7, 2) float32: valence and arousal in [-1, 1], rows in the order of :class:`Emotion`."""

ALIASES: Mapping[str, Emotion] = {
    'angry': Emotion.ANGER,
    'disgusted': Emotion.DISGUST,
    'fearful': Emotion.FEAR,
    'happy': Emotion.HAPPINESS,
    'joy': Emotion.HAPPINESS,
    'sad': Emotion.SADNESS,
    'surprised': Emotion.SURPRISE,
    'calm': Emotion.NEUTRAL,
    **{name: Emotion(index) for index, name in enumerate(LABELS)},
}
"""Other vocabularies' words for our seven; RAVDESS's *calm* counts as neutral."""

DEEPFACE_ORDER: tuple[str, ...] = (
    'angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral',
)  # fmt: skip
"""Output order of DeepFace's emotion network, which is ours under other names."""

RAVDESS_ORDER: tuple[str, ...] = (
    'angry', 'calm', 'disgust', 'fearful', 'happy', 'neutral', 'sad', 'surprised',
)  # fmt: skip
"""Output order of ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition."""


def label_name(label: int) -> str:
    """Return the lower-case name of a label, ``'unknown'`` for UNKNOWN.

    Raises:
        ValueError: the label is neither one of the seven nor UNKNOWN.
    """
    return 'unknown' if label == UNKNOWN else Emotion(label).name.lower()


def fold(probabilities: ArrayLike, order: Sequence[str]) -> NDArray[np.float32]:
    """Add up another vocabulary's probabilities into ours.

    Args:
        probabilities: (..., K), columns named by ``order``.
        order: K words, each one of ours or of :data:`ALIASES`.

    Returns:
        (..., 7) float32 in the order of :class:`Emotion`; sums are kept.

    Raises:
        ValueError: a word is not known, or K differs from the number of columns.
    """
    source = np.asarray(probabilities, np.float64)
    if source.shape[-1] != len(order):
        raise ValueError(f'{source.shape[-1]} columns but {len(order)} names')
    folded = np.zeros((*source.shape[:-1], COUNT), np.float64)
    for column, word in enumerate(order):
        emotion = ALIASES.get(word.lower())
        if emotion is None:
            raise ValueError(f'no emotion of ours is called {word!r}')
        folded[..., emotion] += source[..., column]
    return folded.astype(np.float32)


def valence_arousal(probabilities: ArrayLike) -> NDArray[np.float32]:
    """Return the expected (valence, arousal) of a distribution over the seven emotions.

    Args:
        probabilities: (..., 7), sums to 1.

    Returns:
        (..., 2) float32 in [-1, 1].
    """
    expected = np.asarray(probabilities, np.float64) @ VALENCE_AROUSAL.astype(np.float64)
    return np.clip(expected, -1.0, 1.0).astype(np.float32)


def valence_arousal_deviation(probabilities: ArrayLike) -> NDArray[np.float32]:
    """Return the standard deviation of valence and arousal under a distribution.

    It says how far the possible emotions lie apart, so two sure but opposite ones give more than
    seven that are alike; the terms' own spread among people is not in it.

    Args:
        probabilities: (..., 7), sums to 1.

    Returns:
        (..., 2) float32 in [0, 1].
    """
    shares = np.asarray(probabilities, np.float64)
    table = VALENCE_AROUSAL.astype(np.float64)
    variance = shares @ table**2 - (shares @ table) ** 2
    return np.sqrt(np.clip(variance, 0.0, 1.0)).astype(np.float32)
