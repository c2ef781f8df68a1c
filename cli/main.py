"""The `kdeblend` command group; sub-commands are imported when they are used."""

import os
from importlib import import_module

import click

COMMANDS = {
    "deblend": "Split images of two blended galaxies into one image per galaxy.",
    "presets": "List the trained networks that come with kdeblend.",
    "train": "Train a deblending network on blends of galaxies.",
    "score": "Measure deblenders on test blends with known truth.",
    "blend": "Write test blends with known truth to a file, for any deblender.",
    "tune": "Search the best size of the networks with keras-tuner.",
    "prepare": "Decode galaxies once into one file for fast training.",
}

EXAMPLES = """
\b
Examples:
  kdeblend deblend blend.png
  kdeblend train --data galaxies/ --out run
  kdeblend deblend blend.png --weights run
  kdeblend score --deblender run --out scores
"""


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import `kdeblend.cli.<name>` and return its command of that name."""
        if name not in COMMANDS:
            return None
        return getattr(import_module(f"kdeblend.cli.{name}"), name)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands from the names and helps alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="kdeblend")
def main() -> None:
    """Deblend galaxies with branched generative adversarial networks.

    KERAS_BACKEND chooses the backend: tensorflow (default), jax or torch.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no GPU is no error, but is logged as one
