import math

import numpy as np
import pytest
from scipy import ndimage

from kdeblend.data.geometry import BlendGeometry, Perturbation, downsampling


def reference(image, perturbation, size, step):
    """Transform as photographs are: move the whole image, then crop and take every n-th pixel.

    Homogeneous matrices in (y, x), each step on its own, inverted numerically.
    """
    side = image.shape[0]

    def moved(y, x):
        return np.array([[1, 0, y], [0, 1, x], [0, 0, 1]], float)

    cosine, sine = math.cos(perturbation.angle), math.sin(perturbation.angle)
    flip = np.diag([-1 if each else 1 for each in perturbation.flips] + [1])
    # x goes to x cos - y sin, y to x sin + y cos, with rows first
    rotate = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    grow = np.diag([perturbation.scale, perturbation.scale, 1])
    shift = moved(*(step * size * each for each in perturbation.shift))
    middle = (side - 1) / 2
    forward = moved(middle, middle) @ shift @ grow @ rotate @ flip @ moved(-middle, -middle)
    backward = np.linalg.inv(forward)
    full = np.stack(
        [
            ndimage.affine_transform(
                image[..., band].astype(float),
                backward[:2, :2],
                backward[:2, 2],
                order=1,
                mode="constant",
            )
            for band in range(image.shape[2])
        ]
    )
    start = (side - step * size) // 2 + (step - 1) // 2
    return full[:, start : start + step * size : step, start : start + step * size : step]


PERTURBATIONS = [
    Perturbation(flips=(True, False)),
    Perturbation(flips=(False, True), shift=(0.1, -0.2)),
    Perturbation(angle=0.5),
    Perturbation(scale=1.6),
    Perturbation(scale=0.37, shift=(-0.05, 0.2)),
    Perturbation(flips=(True, False), angle=4.2, scale=0.8, shift=(0.11, 0.17)),
    Perturbation(flips=(True, True), angle=2.2, scale=1.3, shift=(-0.2, -0.13)),
]


@pytest.mark.parametrize("perturbation", PERTURBATIONS)
def test_one_gather_equals_flip_rotate_scale_shift_crop_and_downsample(galaxy, perturbation):
    image = galaxy(3, size=64)
    stamp = BlendGeometry(stamp_size=12).stamp(image, perturbation)
    assert stamp.dtype == np.float32
    expected = reference(image, perturbation, 12, 3)
    np.testing.assert_allclose(stamp, expected, atol=0.01)  # grey levels of 255


def test_the_central_galaxy_is_the_middle_pixel_of_each_three_by_three():
    image = np.random.default_rng(0).integers(0, 256, (424, 424, 3), dtype=np.uint8)
    blocks = image[92:332, 92:332].reshape(80, 3, 80, 3, 3)
    stamp = BlendGeometry().stamp(image)
    np.testing.assert_array_equal(stamp.transpose(1, 2, 0), blocks[:, 1, :, 1])


def test_where_the_grid_falls_between_pixels_it_is_their_mean():
    image = np.random.default_rng(0).random((60, 60, 1), dtype=np.float32)
    stamp = BlendGeometry(stamp_size=16).stamp(image)
    blocks = image[14:46, 14:46, 0].reshape(16, 2, 16, 2)
    np.testing.assert_allclose(stamp[0], blocks.mean(axis=(1, 3)), rtol=1e-6)


@pytest.mark.parametrize(("bands", "dtype"), [(1, np.uint8), (3, np.uint16), (5, np.float32)])
def test_any_number_of_bands_and_depth(galaxy, bands, dtype):
    image = galaxy(1, size=60, bands=bands, dtype=dtype)
    perturbation = PERTURBATIONS[-1]
    stamp = BlendGeometry(stamp_size=12).stamp(image, perturbation)
    alone = [
        BlendGeometry(stamp_size=12).stamp(image[..., k : k + 1], perturbation)
        for k in range(bands)
    ]
    np.testing.assert_array_equal(stamp, np.concatenate(alone))


def test_outside_the_image_is_black():
    image = np.full((63, 63, 3), 200, np.uint8)
    stamp = BlendGeometry(stamp_size=12).stamp(image, Perturbation(scale=0.3))
    assert (stamp[:, 0] == 0).all()
    assert (stamp[:, 5:7, 5:7] == 200).all()


@pytest.mark.parametrize(
    ("native", "stamp", "step"), [(424, 80, 3), (256, 80, 2), (142, 80, 1), (100, 80, 1)]
)
def test_downsampling(native, stamp, step):
    assert downsampling(native, stamp) == step


@pytest.mark.parametrize(("native", "stamp"), [(128, 80), (142, 80), (424, 64), (80, 80), (5, 1)])
def test_a_stamp_never_goes_beyond_the_image(native, stamp):
    step = downsampling(native, stamp, field_fraction=1)
    assert step * (stamp - 1) + 1 <= native


def test_too_small_images_name_the_largest_stamp():
    with pytest.raises(ValueError, match=r"at most 69 pixels.*Received: stamp_size=80"):
        downsampling(69, 80)


def test_drawn_perturbations_cover_the_ranges_of_the_paper():
    rng = np.random.default_rng(1)
    drawn = [BlendGeometry().draw(rng.random(12)) for _ in range(4000)]
    assert all(first == Perturbation() for first, _ in drawn)
    second = [each for _, each in drawn]
    shifts = np.array([each.shift for each in second]) * 240
    assert np.abs(shifts).min() >= 10
    assert np.abs(shifts).max() <= 50
    np.testing.assert_allclose(np.abs(shifts).mean(), 30, atol=0.5)
    np.testing.assert_allclose((shifts > 0).mean(axis=0), 0.5, atol=0.03)
    growth = np.log([each.scale for each in second])
    assert -1 <= growth.min() < -0.99
    assert 0.49 < growth.max() <= 0.5
    np.testing.assert_allclose(growth.mean(), -0.25, atol=0.02)
    np.testing.assert_allclose(np.mean([each.flips for each in second], axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(np.mean([each.angle for each in second]), math.pi, atol=0.1)


def test_perturbing_both_leaves_the_second_as_it_was_and_the_first_central():
    uniform = np.random.default_rng(2).random(12)
    first, second = BlendGeometry(perturb="both").draw(uniform)
    assert second == BlendGeometry().draw(uniform)[1]
    assert first.shift == (0, 0)
    assert first.scale != 1
    assert first.angle != second.angle


def test_either_is_each_of_the_two_half_the_time():
    rng = np.random.default_rng(3)
    settings = {name: BlendGeometry(perturb=name) for name in ("second", "both", "either")}
    chosen = []
    for uniform in rng.random((400, 13)):
        drawn = {name: geometry.draw(uniform) for name, geometry in settings.items()}
        chosen.append([drawn["either"] == drawn[name] for name in ("second", "both")])
    assert set(map(tuple, chosen)) == {(True, False), (False, True)}
    assert 160 < np.sum(chosen, axis=0)[0] < 240


@pytest.mark.parametrize(
    "wrong",
    [
        {"stamp_size": 0},
        {"field_fraction": 0},
        {"shift": (0.2, 0.1)},
        {"scale": (0, 1)},
        {"perturb": "first"},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must .*Received"):
        BlendGeometry(**wrong)
