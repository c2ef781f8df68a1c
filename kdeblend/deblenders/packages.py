"""Packages that only some deblenders need."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed_by(deblender: str, package: str) -> Iterator[None]:
    """Say how to install a package if the import in the block does not find it.

    Args:
        deblender: Name of the deblender that imports it.
        package: The package, as it is imported.

    Raises:
        ImportError: If the package, or one that it needs, is not installed.

    Example:
        >>> with needed_by("sep", "sep"):
        ...     import sep
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"`{package}` must be installed for the deblender {deblender}: "
            f"pip install 'kdeblend[baselines]'. Received: {error}"
        ) from error
