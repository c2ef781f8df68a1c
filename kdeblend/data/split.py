"""Which galaxies are for training, which for validation and which for the test.

A galaxy's side follows from its id alone, so it never changes when files are added.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

ID_SEPARATOR = "::"
SIDES = ("train", "validation", "test")


def split_of(galaxy_id: str, validation: float = 0.05, test: float = 0.05) -> str:
    """Return `"train"`, `"validation"` or `"test"`, by a stable hash of the id.

    What follows `"::"` in an id only tells images of the same name apart; all of them fall on
    the same side.

    Args:
        galaxy_id: Id as a source gives it.
        validation: Share of all galaxies that are for validation.
        test: Share of all galaxies that are withheld for the test.

    Raises:
        ValueError: If a share is negative or both together are above 1.

    Example:
        >>> split_of("587722981742084096")
        'train'
    """
    if min(validation, test) < 0 or validation + test > 1:
        raise ValueError(
            "`validation` and `test` must not be negative and add up to at most 1. "
            f"Received: validation={validation}, test={test}"
        )
    name = galaxy_id.split(ID_SEPARATOR, 1)[0] or galaxy_id
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < test:
        return "test"
    return "validation" if position < test + validation else "train"


def split_indices(
    ids: Iterable[str], validation: float = 0.05, test: float = 0.05
) -> dict[str, np.ndarray]:
    """Split numbered galaxies by their ids.

    Args:
        ids: Ids in the order of their indices.
        validation: Share of all galaxies that are for validation.
        test: Share of all galaxies that are withheld for the test.

    Returns:
        The indices, ascending int64 arrays, under `"train"`, `"validation"` and `"test"`.
    """
    sides = np.array([split_of(galaxy_id, validation, test) for galaxy_id in ids], dtype=object)
    return {side: np.flatnonzero(sides == side) for side in SIDES}


def check_split(split: Mapping[str, Sequence[int] | np.ndarray]) -> None:
    """Check that there are galaxies to train on and to validate with.

    Args:
        split: What `split_indices` returns.

    Raises:
        ValueError: If there are too few.
    """
    counts = {side: len(indices) for side, indices in split.items()}
    if counts["train"] < 2 or counts["validation"] < 2:
        raise ValueError(
            "`data` must hold at least two galaxies for training and two for validation, where one "
            f"in twenty goes: add more galaxies, for example --data hubble. Received: {counts}"
        )
