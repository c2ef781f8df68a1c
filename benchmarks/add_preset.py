"""Put a trained network among the presets that ship.

    python benchmarks/add_preset.py run --name fast-4 --description "U-Net, for CPUs" --default

copies the weights, in half precision, to kdeblend/presets, enters them in its index.json, and
begins the card if there is none, which benchmarks/preset_card.py fills with scores. In place of
the folder of a run there may be a file, such as benchmarks/mean_weights.py writes. A name that is
taken is refused.
"""

import argparse
import hashlib
import io
import json
import zipfile
from importlib.metadata import version

import h5py
import numpy as np

from kdeblend.deblenders.load import find_weights
from kdeblend.deblenders.orientations import COUNTS
from kdeblend.io.atomic import atomic_path, write_json
from kdeblend.models.files import FACTS, load_generator
from kdeblend.presets import FOLDER, VERSIONED

WEIGHTS = "model.weights.h5"
CARD = "# {name}\n\n{description}.\n\n## Scores\n\n<!-- scores -->\n<!-- end of scores -->\n"


def entry(path, name, description, facts, orientations):
    """Return what the index says about the weights at `path`."""
    return {
        "file": f"{name}.keras",
        "card": f"{name}.md",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "description": description,
        "generator": {"family": facts["generator"], **facts["generator_options"]},
        "parameters": load_generator(path).count_params(),
        "keras_version": version("keras"),
        "blend_mode": facts["blend_mode"],
        "stamp_size": facts["stamp_size"],
        "orientations": orientations,
        "psnr": None,  # until benchmarks/preset_card.py has measured it
    }


def copy_halved(source, target):
    """Copy a `.keras` file with its weights as float16; Keras makes them float32 again."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            new.writestr(item, halved(content) if item.filename == WEIGHTS else content)


def halved(content):
    """Return the bytes of an HDF5 file with its float32 arrays as float16."""
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as old, h5py.File(buffer, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                half = item.dtype == np.float32
                made = new.create_dataset(name, data=item[()].astype("f2") if half else item[()])
            made.attrs.update(item.attrs)

        old.visititems(copy)
    return buffer.getvalue()


def add(network, name, description, orientations, default):
    """Copy the weights of a network and write the index."""
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    if name in index["presets"] or not VERSIONED.fullmatch(name):
        raise SystemExit(f"--name must be new and end in -1, -2, ... Received: {name}")
    weights = find_weights(network)
    if not set(FACTS) <= set(weights.facts):
        raise SystemExit(f"the file must say {', '.join(FACTS)}. Received: {weights.path}")
    path = FOLDER / f"{name}.keras"
    with atomic_path(path) as temporary:
        copy_halved(weights.path, temporary)
    index["presets"][name] = entry(path, name, description, weights.facts, orientations)
    if default:
        index["default"] = name
    write_json(FOLDER / "index.json", index)
    card = FOLDER / f"{name}.md"
    if not card.exists():
        card.write_text(CARD.format(name=name, description=description), encoding="utf-8")
    return path


def main():
    """Add one preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="folder of a run, or file of a network")
    parser.add_argument("--name", required=True)
    parser.add_argument("--description", required=True)
    parser.add_argument("--orientations", type=int, choices=COUNTS, default=1)
    parser.add_argument("--default", action="store_true")
    arguments = parser.parse_args()
    print(add(**vars(arguments)))


if __name__ == "__main__":
    main()
