"""Images are varied as the settings say, and the same way whenever an epoch is run."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aimcsim.training.images import Normaliser, TrainingBatches, statistics  # noqa: E402
from aimcsim.training.settings import Augmentation  # noqa: E402
from tests.images import striped  # noqa: E402

PLAIN = Normaliser(np.zeros(3, np.float32), np.ones(3, np.float32))


def epoch(images, settings, seed=0, batch=8):
    batches = TrainingBatches(images, settings, batch, PLAIN)
    drawn = list(batches.epoch(torch.Generator().manual_seed(seed)))
    assert len(drawn) == len(batches)
    return torch.cat([values for values, _ in drawn]), torch.cat([labels for _, labels in drawn])


def test_statistics_are_those_of_the_pixels():
    images = striped(50, 0)
    mean, deviation = statistics(images)
    pixels = images.pixels.astype(np.float64)
    np.testing.assert_allclose(mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(deviation, pixels.std(axis=(0, 2, 3)), rtol=1e-6)
    values = Normaliser(mean, deviation)(torch.from_numpy(images.pixels))
    torch.testing.assert_close(values.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        values.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0
    )


def test_without_variation_an_epoch_is_the_images_in_another_order():
    images = striped(40, 0)
    values, labels = epoch(images, Augmentation(shift=0, flip=False, cutout=0))
    order = [
        int(np.flatnonzero((images.pixels == image).all(axis=(1, 2, 3)))[0])
        for image in values.numpy()
    ]
    assert sorted(order) == list(range(40))
    assert order != list(range(40))
    assert labels.tolist() == images.labels[order].tolist()


def test_images_that_fill_no_batch_wait_for_another_epoch():
    assert len(epoch(striped(21, 0), Augmentation(), batch=8)[1]) == 16


@pytest.mark.parametrize(
    "settings", [Augmentation(), Augmentation(shift=2, flip=False, cutout=0)], ids=str
)
def test_same_draws_same_epoch(settings):
    images = striped(40, 0)
    first, again, other = (epoch(images, settings, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_shifts_are_crops_of_the_mirrored_image():
    images = striped(64, 0)
    images.labels[:] = 0
    images.pixels[:] = images.pixels[:1]
    values, _ = epoch(images, Augmentation(shift=2, flip=False, cutout=0), batch=64)
    padded = np.pad(images.pixels[0], ((0, 0), (2, 2), (2, 2)), mode="reflect")
    crops = {
        padded[:, row : row + 32, column : column + 32].tobytes()
        for row in range(5)
        for column in range(5)
    }
    found = {image.astype(np.uint8).tobytes() for image in values.numpy()}
    assert found <= crops
    assert len(found) > 15  # of 25, with 64 draws


def test_pieces_are_cut_out_anywhere():
    images = striped(64, 0)
    images.pixels[:] = images.pixels[:1]
    values, _ = epoch(images, Augmentation(shift=0, flip=False, cutout=0, crop=28), batch=64)
    pieces = {
        images.pixels[0, :, row : row + 28, column : column + 28].tobytes()
        for row in range(5)
        for column in range(5)
    }
    found = {image.astype(np.uint8).tobytes() for image in values.numpy()}
    assert found <= pieces
    assert len(found) > 15  # of 25, with 64 draws


def test_half_of_the_images_are_mirrored():
    images = striped(400, 0)
    images.pixels[:] = images.pixels[:1]
    values, _ = epoch(images, Augmentation(shift=0, flip=True, cutout=0), batch=400)
    image = torch.from_numpy(images.pixels[0]).float()
    mirrored = (values == image.flip(2)).all(dim=(1, 2, 3))
    assert ((values == image).all(dim=(1, 2, 3)) | mirrored).all()
    assert 160 < int(mirrored.sum()) < 240  # 200 +- 4 standard deviations


def test_cutout_hides_one_square():
    images = striped(200, 0)
    images.pixels[:] = 9
    values, _ = epoch(images, Augmentation(shift=0, flip=False, cutout=6), batch=200)
    hidden = values == 0
    assert ((values == 9) | hidden).all()
    count = hidden[:, 0].sum(dim=(1, 2))
    assert count.max() == 36
    assert count.min() >= 9  # a corner cuts off three quarters
    assert torch.equal(hidden[:, 0], hidden[:, 2])
    extent = hidden[:, 0].any(dim=2).sum(dim=1) * hidden[:, 0].any(dim=1).sum(dim=1)
    assert torch.equal(extent, count)  # a full rectangle
