"""Files of networks: what they say, and what keeps them from loading."""

import json
import logging
import zipfile
from importlib.metadata import EntryPoint

import keras
import numpy as np
import pytest

from kdeblend.models.files import load_generator, read_facts, save_generator
from kdeblend.models.generators import GENERATORS
from kdeblend.models.unet import build_unet

OPTIONS = {"widths": [4, 8], "blocks": 1}
FACTS = {"generator": "unet", "generator_options": OPTIONS, "stamp_size": 24, "blend_mode": "max"}


@pytest.mark.backend
def test_a_file_says_what_its_network_has_learnt_from(tmp_path):
    path, generator = tmp_path / "unet.keras", build_unet(**OPTIONS)
    save_generator(generator, path, FACTS | {"steps": 10})
    assert read_facts(path) == FACTS
    for loaded in (load_generator(path), keras.saving.load_model(path)):
        for before, after in zip(generator.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


def test_other_files_say_nothing(tmp_path):
    build_unet(**OPTIONS).save(tmp_path / "keras.keras")
    (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04" + bytes(99))
    with zipfile.ZipFile(tmp_path / "list.keras", "w") as file:
        file.writestr("kdeblend.json", "[]")
    whole = (tmp_path / "list.keras").read_bytes()
    place = whole.index(b"PK\x01\x02") + 10  # the compression in the list of its files
    (tmp_path / "odd.keras").write_bytes(whole[:place] + b"\x63" + whole[place + 1 :])
    with zipfile.ZipFile(tmp_path / "odd.keras") as file, pytest.raises(NotImplementedError):
        file.read("kdeblend.json")
    for name in ("keras.keras", "damaged.keras", "missing.keras", "list.keras", "odd.keras"):
        assert read_facts(tmp_path / name) == {}


def test_a_broken_package_does_not_keep_networks_from_loading(monkeypatch, tmp_path, caplog):
    entry = EntryPoint("strange", "no_such_package:build", GENERATORS.group)
    monkeypatch.setattr("kdeblend.plugins.entry_points", lambda group: [entry])
    with pytest.raises(ImportError, match=r"generator 'strange' of an installed package.*no_such"):
        GENERATORS["strange"]
    build_unet(**OPTIONS).save(tmp_path / "unet.keras")
    with caplog.at_level(logging.WARNING, "kdeblend"):
        generator = load_generator(tmp_path / "unet.keras")
    assert generator.count_params() == build_unet(**OPTIONS).count_params()
    assert "left out the generator strange" in caplog.text


@pytest.mark.parametrize("module", [None, "no_such_package.layers"])
def test_a_class_that_is_not_there_is_named(module, tmp_path):
    layer = {"module": module, "class_name": "Odd", "config": {}, "registered_name": "them>Odd"}
    config = keras.saving.serialize_keras_object(build_unet(**OPTIONS))
    config["config"]["layers"][1] |= layer
    with zipfile.ZipFile(tmp_path / "unet.keras", "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("metadata.json", "{}")
        file.writestr("model.weights.h5", "")
    with pytest.raises(ImportError, match=r"^the network needs 'Odd', which is not there; .*ed$"):
        load_generator(tmp_path / "unet.keras")
