import json

import numpy as np
import pytest
import yaml

from kdeblend.training.config import TrainingConfig, preset_config, read_config
from kdeblend.training.folder import RunFolder
from kdeblend.training.recipes import PRESETS


def test_a_preset_is_a_name():
    with pytest.raises(
        ValueError, match=r"`preset` must be one of .* Received: preset=\['quick'\]"
    ):
        preset_config(["quick"])


def test_paper_preset_is_the_paper():
    config = preset_config("paper")
    assert config.generator_options == {"root_blocks": 10, "branch_blocks": 6, "filters": 64}
    assert (config.discriminator_blocks, config.batch_size, config.burn_in) == (7, 16, 2_000)
    assert (config.learning_rate, config.learning_rate_drop_step) == (1e-4, 100_000)
    assert (config.steps, config.pixel_loss, config.adversarial_weight) == (200_000, "mse", 1e-3)
    assert (config.vgg_layer, config.vgg_image_size) == ("block5_conv4", 224)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_saved_config_reads_back_complete(name, tmp_path):
    config = preset_config(name)
    config.save(tmp_path / "config.yaml")
    values = read_config(tmp_path / "config.yaml")
    assert TrainingConfig(**values) == config
    assert set(values) == set(config.to_dict())


def test_a_run_of_an_older_version_keeps_the_optimizer_it_had(tmp_path):
    run = RunFolder(tmp_path)
    values = preset_config("fast").to_dict()
    del values["optimizer"]
    run.config.write_text(yaml.safe_dump(values))
    assert run.read_config() == preset_config("fast").replace(optimizer="adam")


def test_json_and_exponents_without_a_point(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"steps": 3}))
    (tmp_path / "b.yaml").write_text("learning_rate: 1e-4\nadversarial_weight: 1")
    assert read_config(tmp_path / "a.json") == {"steps": 3}
    config = TrainingConfig(**read_config(tmp_path / "b.yaml"))
    assert (config.learning_rate, config.adversarial_weight) == (1e-4, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepps: 3", r"Received: \['stepps'\]"),
        ("- steps", "names and values of hyper-parameters"),
        ("{", "must be YAML or JSON"),
    ],
)
def test_bad_files_are_explained(text, message, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "`steps` must be positive. Received: 0"),
        ({"steps": "many"}, "`steps` must be of type int"),
        ({"steps": True}, "`steps` must be of type int"),
        ({"steps": "1.5"}, "`steps` must be of type int. Received: steps='1.5'"),
        ({"steps": "inf"}, "`steps` must be of type int"),
        ({"learning_rate": "fast"}, "`learning_rate` must be a number"),
        ({"stamp_size": 6}, "`stamp_size` must be at least 7, the window of SSIM. Received: 6"),
        ({"burn_in": -1}, "`burn_in` must not be negative"),
        ({"degrade": 1.5}, r"`degrade` must be in \[0, 1\]. Received: 1.5"),
        ({"lupton_share": -0.1}, r"`lupton_share` must be in \[0, 1\]. Received: -0.1"),
        ({"sky_light": 1.0}, r"`sky_light` must be in \[0, 1\). Received: 1.0"),
        ({"average_momentum": 1.0}, "`average_momentum` must be below 1"),
        ({"learning_rate_schedule": "step"}, "Received: 'step'"),
        ({"devices": ["cpu:0", "cpu:0"]}, "`devices` must be named once each"),
        ({"data": []}, "`data` must name at least one source"),
        ({"speed": 1}, r"Received: \['speed'\]"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        preset_config("quick").replace(**changes)


@pytest.mark.parametrize("steps", ["1e3", "1000", 1e3, np.int64(1000), np.float32(1000)])
def test_whole_numbers_may_be_written_in_any_way(steps):
    config = preset_config("quick").replace(steps=steps)
    assert (config.steps, type(config.steps)) == (1000, int)


def test_a_single_text_is_one_entry():
    config = preset_config("quick").replace(data="gal", devices="cpu:0")
    assert (config.data, config.devices) == (("gal",), ("cpu:0",))
    assert config.replace(devices="cpu:0, cpu:1,").devices == ("cpu:0", "cpu:1")


def test_scalars_of_numpy_are_plain_numbers(tmp_path):
    options = {"widths": (np.int64(4), 8), "blocks": np.int64(1), "space_to_depth": np.bool_(True)}
    config = preset_config("quick").replace(
        learning_rate=np.float32(0.5),
        cache_gb=np.float64(1),
        augment=np.bool_(True),
        generator_options=options,
    )
    config.save(tmp_path / "config.yaml")
    assert TrainingConfig(**read_config(tmp_path / "config.yaml")) == config
    assert config.generator_options == {"widths": [4, 8], "blocks": 1, "space_to_depth": True}
    assert type(config.learning_rate) is type(config.cache_gb) is float


def test_configurations_share_no_options():
    first = preset_config("quick")
    second = first.replace(steps=3)
    second.generator_options["decoders"] = 7
    for other in (first, preset_config("quick")):
        assert other.generator_options.get("decoders") != 7


def test_unknown_preset_lists_the_known():
    with pytest.raises(ValueError, match=r"\['fast', 'paper', 'quick'\]. Received: preset='slow'"):
        preset_config("slow")


def test_config_is_plain_yaml(tmp_path):
    preset_config("quick").save(tmp_path / "config.yaml")
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["data"] == ["hubble"]
