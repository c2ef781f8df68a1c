"""Short hashes that tell whether data are the same."""

import hashlib
from collections.abc import Iterable


def fingerprint(parts: Iterable[bytes]) -> str:
    """Return 16 hexadecimal digits that are the same for the same bytes, however they are parted.

    Args:
        parts: The bytes, such as `tobytes()` of arrays.
    """
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:16]
