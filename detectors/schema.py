"""Vectors to exactly the columns that a model takes: by name, never by place; what does not fit is refused."""

from __future__ import annotations

from collections import Counter

from domain.vectors import FeatureName, FeatureVectors


def fitted(vectors: FeatureVectors, names: tuple[FeatureName, ...]) -> FeatureVectors:
    """Return the vectors with their columns in the order of `names`.

    Raises ValueError, naming the first, where a column is missing, is not the model's, or stands twice.
    """
    if vectors.names == names:
        return vectors
    given, wanted = set(vectors.names), set(names)
    rules = (
        ("lack", sorted(wanted - given)),
        ("have, and the model does not know,", sorted(given - wanted)),
        ("have twice", sorted(name for name, n in Counter(vectors.names).items() if n > 1)),
    )
    for rule, found in rules:
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise ValueError(f"the vectors {rule} {found[0].label}{more}")
    return vectors.select(names)
