import logging
import pickle

import keras
import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.combined import CombinedSource
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.sequence import BlendSequence

SMALL = BlendGeometry(stamp_size=12)


def make(source, indices=None, **options):
    indices = np.arange(len(source)) if indices is None else indices
    return BlendSequence(
        source, indices, **{"batch_size": 4, "batches": 5, "geometry": SMALL, **options}
    )


def blends(sequence, start=0):
    return np.concatenate([sequence[number][0] for number in range(start, len(sequence))])


def oriented(image):
    """Yield the eight orientations of a square image."""
    for turns in range(4):
        yield np.rot90(image, turns)
        yield np.rot90(image[:, ::-1], turns)


def test_shapes_and_ranges(source):
    blend, (first, second) = make(source)[0]
    for array in (blend, first, second):
        assert array.shape == (4, 12, 12, 3)
        assert array.dtype == np.float32
    assert 0 <= blend.min() < blend.max() <= 1
    assert -1 <= first.min() < 0 < first.max() <= 1
    assert second.min() == -1


def test_half_of_the_blends_get_light_of_a_sky(source):
    options = {"batch_size": 64, "geometry": BlendGeometry(stamp_size=12, perturb="both")}
    dark, dark_pair = make(source, **options)[0]
    blend, pair = make(source, sky_light=0.4, **options)[0]
    np.testing.assert_allclose(blend, np.maximum(*[(each + 1) / 2 for each in pair]), atol=1e-6)
    lit = np.abs(blend - dark).max(axis=(1, 2, 3)) > 1e-3
    assert 0.3 < lit.mean() < 0.7
    found = []
    for before, after in zip(dark_pair, pair, strict=True):
        before, after = (before + 1) / 2, (after + 1) / 2
        np.testing.assert_array_equal(after[~lit], before[~lit])
        black = before.max(axis=-1) == 0
        assert black[lit].any()
        assert not after[black].any()
        free = ~black[..., None] & (after < 1)
        added = np.where(free, after - before, np.nan)
        found.append(np.nanmedian(added, axis=(1, 2)))
        assert np.nanmax(np.abs(added - found[-1][:, None, None])) < 1e-5
    np.testing.assert_allclose(*found, atol=1e-5)
    light = found[0][lit]
    assert 0.2 < light.max() < 0.4
    assert light.min() < 0.1
    assert (light.min(axis=1) >= light.max(axis=1) / 2 - 1e-5).all()
    assert (np.ptp(light, axis=1) > 0).all()


def test_light_adds_up_as_on_the_sky_in_a_share_of_the_blends(source):
    options = {"batch_size": 64, "degrade": 0.2}
    plain, pair = make(source, **options)[0]
    some, same_pair = make(source, lupton_share=0.5, **options)[0]
    np.testing.assert_array_equal(pair, same_pair)
    changed = (plain != some).any(axis=(1, 2, 3))
    assert 0.3 < changed.mean() < 0.7
    all_, _ = make(source, lupton_share=1, **options)[0]
    np.testing.assert_array_equal(all_[changed], some[changed])
    with pytest.raises(ValueError, match=r"`lupton_share` must be in \[0, 1\]\. Received: .*=-1"):
        make(source, lupton_share=-1)


@pytest.mark.parametrize("augment", [True, False])
def test_the_blend_is_that_of_its_targets(source, augment):
    for options in ({"blend_mode": "max"}, {"blend_mode": "sum"}, {"lupton_share": 1}):
        blends, pair = make(source, augment=augment, sky_light=0.2, **options)[1]
        mode = BLEND_MODES[options.get("blend_mode", "lupton")]
        for blend, *stamps in zip(blends, *((each + 1) / 2 for each in pair), strict=True):
            np.testing.assert_allclose(blend, mode(*stamps), atol=1e-5)


def test_the_first_galaxy_is_every_third_pixel_of_an_image(source):
    stamps = np.array([image[15:51:3, 15:51:3] for image in source.images]) / np.float32(255)
    _, (firsts, _) = make(source, augment=False)[0]
    for first in firsts:
        assert np.abs(stamps - (first + 1) / 2).max(axis=(1, 2, 3)).min() < 1e-6


def test_augmentation_only_turns_the_whole_blend(source):
    plain, turned = make(source, augment=False), make(source, augment=True)
    seen = set()
    for number in range(5):
        (blend, targets), (other, others) = plain[number], turned[number]
        for row in range(4):
            candidates = [oriented(each[row]) for each in (blend, *targets)]
            answers = [each[row] for each in (other, *others)]
            matches = [
                turn
                for turn, images in enumerate(zip(*candidates, strict=True))
                if all(map(np.array_equal, images, answers))
            ]
            assert matches
            seen.add(matches[0])
    assert len(seen) > 4


def test_samples_depend_on_seed_epoch_and_number_alone(source):
    reference = blends(make(source))
    np.testing.assert_array_equal(reference, blends(make(source)))
    for other in (make(source, seed=1), make(source, epoch=1)):
        assert not (blends(other) == reference).all(axis=(1, 2, 3)).any()
    assert len(np.unique(reference.reshape(len(reference), -1), axis=0)) == len(reference)


def test_a_later_start_or_another_batch_size_gives_the_same_samples(source):
    reference = blends(make(source))
    np.testing.assert_array_equal(blends(make(source, first_batch=2, batches=3)), reference[8:])
    np.testing.assert_array_equal(blends(make(source, batch_size=2, batches=10)), reference)
    backwards = make(source)
    np.testing.assert_array_equal(backwards[4][0], reference[16:])
    np.testing.assert_array_equal(backwards[0][0], reference[:4])


def test_on_epoch_end_goes_on_to_the_next_epoch(source):
    sequence = make(source)
    sequence.on_epoch_end()
    np.testing.assert_array_equal(blends(sequence), blends(make(source, epoch=1)))


def test_threads_give_the_same_batches_in_every_epoch(source):
    sequence = make(source, workers=3, max_queue_size=2)
    for epoch in range(3):
        np.testing.assert_array_equal(blends(sequence), blends(make(source, epoch=epoch)))
        sequence.on_epoch_end()


def test_processes_give_the_same_batches(source):
    sequence = make(source, workers=2, use_multiprocessing=True)
    np.testing.assert_array_equal(blends(sequence), blends(make(source)))
    sequence.on_epoch_end()
    np.testing.assert_array_equal(blends(sequence), blends(make(source, epoch=1)))


def test_reading_out_of_order_with_threads(source):
    sequence = make(source, workers=2)
    for number in (3, 0, 0, 4):
        np.testing.assert_array_equal(sequence[number][0], make(source)[number][0])


def test_a_pickled_sequence_goes_on(source):
    sequence = make(source, workers=2)
    expected = sequence[0][0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sequence))[0][0], expected)


def test_an_error_in_a_thread_reaches_the_caller(source):
    source.images = [np.zeros((5, 5, 3), np.uint8)] * len(source.images)
    with pytest.raises(ValueError, match="at most 5 pixels"):
        make(source, workers=2)[0]


def test_a_broken_galaxy_is_replaced_and_reported_once(source, caplog):
    expected = blends(make(source))
    source.images[5] = None
    with caplog.at_level(logging.WARNING, "kdeblend"):
        got = blends(make(source, batches=20))
    assert [record.message for record in caplog.records] == [
        "left out galaxy-5: cannot read image galaxy-5: made so"
    ]
    np.testing.assert_array_equal(got, blends(make(source, batches=20)))
    same = (got[:20] == expected).all(axis=(1, 2, 3))
    assert 0 < same.sum() < 20


def test_images_are_decoded_once_within_the_budget_and_always_without(source):
    with_cache, without = make(source, batches=30), make(source, batches=30, cache_gb=0)
    expected = blends(with_cache)
    assert source.reads == len(source)
    source.reads = 0
    np.testing.assert_array_equal(blends(without), expected)
    assert source.reads == 240


def test_images_of_the_larger_of_two_sources_are_kept_too(galaxy, array_source):
    small = array_source([galaxy(seed) for seed in range(4)])
    large = array_source([galaxy(seed, 150) for seed in range(6)])
    for sources in ([small, large], [large, small]):
        small.reads = large.reads = 0
        blends(make(CombinedSource(sources), batches=40))
        assert (small.reads, large.reads) == (4, 6)
    budget = sum(image.nbytes for image in [*small.images, *large.images]) / 1e9
    small.reads = large.reads = 0
    blends(make(CombinedSource([small, large]), batches=40, cache_gb=budget))
    assert (small.reads, large.reads) == (4, 6)


def test_drawn_galaxies_are_those_of_the_blends(array_source):
    images = [np.full((64, 64, 3), 20 * number + 10, np.uint8) for number in range(12)]
    sequence = make(array_source(images), seed=6, first_batch=2)
    for batch in range(len(sequence)):
        _, layers = sequence[batch]
        for pair, first, second in zip(sequence.galaxies(batch), *layers, strict=True):
            found = [round(255 * (layer.max() + 1) / 2) for layer in (first, second)]
            assert found == [20 * number + 10 for number in pair]


@pytest.mark.parametrize("broken", [(), (3, 4, 8), tuple(range(2, 12))])
def test_shown_galaxies_are_those_of_the_blends(array_source, broken):
    images = [np.full((64, 64, 3), 20 * number + 10, np.uint8) for number in range(12)]
    for number in broken:
        images[number] = None
    sequence, other = (make(array_source(images), seed=6, first_batch=2) for _ in range(2))
    for batch in range(len(sequence)):
        _, layers = sequence[batch]
        for pair, first, second in zip(other.galaxies_shown(batch), *layers, strict=True):
            found = [round(255 * (layer.max() + 1) / 2) for layer in (first, second)]
            assert found == [20 * number + 10 for number in pair]
        if not broken:
            np.testing.assert_array_equal(other.galaxies_shown(batch), other.galaxies(batch))


@pytest.mark.parametrize("broken", [(), (3,)])
def test_shown_galaxies_are_not_read_again(array_source, broken):
    source = array_source([np.full((64, 64, 3), number, np.uint8) for number in range(12)])
    for number in broken:
        source.images[number] = None
    sequence = make(source, seed=6, cache_gb=0)
    blends(sequence)
    source.reads = 0
    drawn = np.concatenate([sequence.galaxies(batch) for batch in range(len(sequence))])
    shown = np.concatenate([sequence.galaxies_shown(batch) for batch in range(len(sequence))])
    moved = np.isin(drawn, broken).any(axis=1)
    np.testing.assert_array_equal((drawn != shown).any(axis=1), moved)
    assert source.reads == 0


def test_a_budget_for_some_of_the_images_changes_nothing(source):
    some = make(source, cache_gb=4.5 * source.images[0].nbytes / 1e9)
    np.testing.assert_array_equal(blends(some), blends(make(source)))
    assert blends(some).shape == (20, 12, 12, 3)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_images_have_the_same_range(galaxy, array_source, dtype):
    shallow = make(array_source([galaxy(seed) for seed in range(4)]))[0][0]
    deep = make(array_source([galaxy(seed, dtype=dtype) for seed in range(4)]))[0][0]
    np.testing.assert_allclose(deep, shallow, atol=1 / 255)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"indices": [3, 3]}, "at least two galaxies. Received: 1"),
        ({"batches": 0}, "`batches` must be positive"),
        ({"seed": -1}, "not negative"),
        ({"blend_mode": "min"}, "blend mode must be one of"),
        ({"geometry": BlendGeometry(stamp_size=80)}, "at most 64 pixels"),
    ],
)
def test_impossible_settings_are_refused(source, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(source, **wrong)


@pytest.mark.backend
@pytest.mark.parametrize("workers", [1, 2])
def test_fit_sees_the_same_batches_with_any_number_of_workers(source, workers):
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(3, 1, kernel_initializer="zeros")
    model = keras.Model(inputs, [layer(inputs), layer(inputs)])
    model.compile(keras.optimizers.SGD(0.0), loss=["mse", "mse"])
    losses, sequence = [], make(source, workers=workers)
    expected = [
        float(np.mean(np.square(first)) + np.mean(np.square(second)))
        for epoch in (1, 2)
        for _, (first, second) in map(make(source, epoch=epoch).__getitem__, range(5))
    ]

    class Losses(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            done = losses[-batch:] if batch else []  # what Keras logs is the running mean
            losses.append(logs["loss"] * (batch + 1) - sum(done))

    model.fit(sequence, epochs=2, shuffle=False, verbose=0, callbacks=[Losses()])
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
