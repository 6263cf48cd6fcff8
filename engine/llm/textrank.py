"""Which sentences of a text carry it: TextRank (Mihalcea and Tarau, 2004), a walk over sentences that are alike.

A sentence matters when sentences that matter share rare words with it. Words are weighed within the text itself, so
there are no stop word lists and no trained data, and the same text always gives the same answer.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

DAMPING = 0.85
MAX_TERMS = 4000
MAX_NEIGHBOURS = 24
_TOLERANCE = 1e-9
_MAX_STEPS = 200
_SIMILARITY_PENALTY = 0.6

Stop = Callable[[], None]
"""Raises when nobody waits for the answer any more."""


def rank(sentences: Sequence[str], starts: Sequence[float], stop: Stop) -> tuple[list[float], Any]:
    """The share of the walk that each sentence gets (they sum to 1), and their similarity as a square matrix.

    `starts` is how likely the walk begins at each sentence, in any unit above 0.
    """
    import networkx as nx
    import numpy as np

    likeness = similarity(sentences)
    stop()
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(sentences)))
    graph.add_weighted_edges_from(_strongest(likeness))
    stop()
    total = sum(starts)
    beginnings = {index: start / total for index, start in enumerate(starts)}
    # google_matrix and a power iteration instead of nx.pagerank, which would pull in SciPy.
    walk = np.asarray(nx.google_matrix(graph, alpha=DAMPING, personalization=beginnings))
    shares = np.full(len(sentences), 1 / len(sentences))
    for _ in range(_MAX_STEPS):
        stop()
        after = shares @ walk
        if float(np.abs(after - shares).sum()) < _TOLERANCE:
            break
        shares = after
    return [float(share) for share in shares], likeness


def similarity(sentences: Sequence[str]) -> Any:
    """The cosine of each two sentences' tf-idf vectors, as a square numpy array with zeros on the diagonal."""
    import numpy as np

    counts = [Counter(terms(sentence)) for sentence in sentences]
    spread = Counter(term for count in counts for term in count)
    shared = sorted((term for term, found in spread.items() if found > 1), key=lambda term: (-spread[term], term))
    columns = {term: column for column, term in enumerate(shared[:MAX_TERMS])}
    weights = np.zeros((len(sentences), len(columns) + 1), dtype=np.float32)
    for row, count in enumerate(counts):
        for term, times in count.items():
            weight = (1 + math.log(times)) * math.log(len(sentences) / spread[term])
            # Terms of one sentence alone make nothing similar, but they do make it longer: one column holds them all.
            column = columns.get(term, len(columns))
            weights[row, column] = math.hypot(weights[row, column], weight)
    lengths = np.linalg.norm(weights, axis=1)
    lengths[lengths == 0] = 1
    directions = weights[:, : len(columns)] / lengths[:, None]
    likeness = directions @ directions.T
    np.fill_diagonal(likeness, 0)
    return likeness


def choose(shares: Sequence[float], likeness: Any, candidates: Sequence[int], count: int) -> list[int]:
    """The `count` best candidates in the order of the text; one that repeats a chosen one loses to the next."""
    left = list(candidates)
    best_share = max((shares[index] for index in left), default=0) or 1
    chosen: list[int] = []

    def value(index: int) -> tuple[float, int]:
        repeats = max((float(likeness[index, other]) for other in chosen), default=0)
        # Rounded: the last digits differ between processors, and ties must fall the same way everywhere.
        return (round(shares[index] / best_share - _SIMILARITY_PENALTY * repeats, 6), -index)

    while left and len(chosen) < count:
        best = max(left, key=value)
        left.remove(best)
        chosen.append(best)
    return sorted(chosen)


def terms(sentence: str) -> list[str]:
    """The words of a sentence, inflections folded roughly; pairs of characters where a script has no spaces."""
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    found: list[str] = []
    for word in _WORD.findall(folded):
        if _UNSPACED.match(word):
            found += [word[start : start + 2] for start in range(max(1, len(word) - 1))]
        else:
            found.append(_stem(word))
    return found


_UNSPACED_RANGES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_UNSPACED = re.compile(f"[{_UNSPACED_RANGES}]")
_WORD = re.compile(rf"[{_UNSPACED_RANGES}]+|[^\W_{_UNSPACED_RANGES}]+")
_STEM_LENGTH = 6


def _stem(word: str) -> str:
    """The first letters without a plural's s: enough to bring most inflected forms of a word together."""
    return (word.removesuffix("s") if len(word) > 3 else word)[:_STEM_LENGTH]


def _strongest(likeness: Any) -> list[tuple[int, int, float]]:
    """Edges to each sentence's most similar ones. All pairs of 2,000 sentences would be two million Python objects."""
    import numpy as np

    kept = min(MAX_NEIGHBOURS, len(likeness))
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :kept]
    return [
        (row, int(column), float(likeness[row, column]))
        for row, columns in enumerate(nearest)
        for column in columns
        if likeness[row, column] > 0
    ]
