"""make_sample.py: real photos, overlapping pairs, references of falling similarity."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from masasr_mm.datasets import CUFED5Dataset, CUFEDDataset
from tests.scripts import call_tool, load_tool

make_sample = load_tool('dataset_converters/make_sample.py')
PHOTOS = len(make_sample.TRAINING_PHOTOS)


@pytest.fixture
def make(monkeypatch, capsys):
    """Call the tool; its exit status and what it prints."""

    def call(*arguments: object) -> tuple[int, str]:
        status = call_tool(make_sample, monkeypatch, *arguments)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return call


@pytest.fixture(scope='module')
def sample(tmp_path_factory) -> Path:
    """Two pairs of each photo and the test image."""
    folder = tmp_path_factory.mktemp('sample') / 'out'
    make_sample.build(folder, pairs=2 * PHOTOS, size=160, seed=0)
    return folder


def grey(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def matches(first: np.ndarray, second: np.ndarray) -> list[tuple]:
    """Distinct SIFT matches, as pairs of points."""
    sift = cv2.SIFT_create()
    (points, features), (others, other_features) = (
        sift.detectAndCompute(image, None) for image in (first, second)
    )
    found = cv2.BFMatcher().knnMatch(features, other_features, k=2)
    return [
        (points[best.queryIdx].pt, others[best.trainIdx].pt)
        for best, next_best in found
        if best.distance < 0.7 * next_best.distance
    ]


def test_read_by_the_datasets(sample):
    training = CUFEDDataset(str(sample / 'train'))
    assert len(training) == 2 * PHOTOS
    for path in training.image_paths():
        assert cv2.imread(path).shape == (160, 160, 3)
    test = CUFED5Dataset(str(sample / 'test/CUFED5'))
    assert len(test) == 1
    item = test.get_data_info(0)
    assert len(item['ref_path']) == 5
    for path in (item['gt_path'], *item['ref_path']):
        assert max(cv2.imread(path).shape[:2]) <= 512


def check_overlap(path: Path, ref: Path, size: int) -> None:
    """SIFT finds one geometry between two images, and it covers much of the first."""
    found = matches(grey(path), grey(ref))
    assert len(found) >= 10, path.name
    source, target = (np.float32([pair[side] for pair in found]) for side in (0, 1))
    matrix, inliers = cv2.findHomography(source, target, cv2.RANSAC, 3)
    assert inliers.mean() > 0.8, path.name
    last = size - 1
    corners = np.float32([[[0, 0], [last, 0], [last, last], [0, last]]])
    area, _ = cv2.intersectConvexConvex(cv2.perspectiveTransform(corners, matrix), corners)
    assert area > 0.4 * size**2, path.name
    # Not the same view either: it is moved, turned, scaled or seen from another side.
    assert np.abs(cv2.perspectiveTransform(corners, matrix) - corners).max() > 5, path.name


def test_pairs_overlap(sample):
    for path in sorted((sample / 'train/input').iterdir()):
        check_overlap(path, sample / 'train/ref' / path.name, 160)


def test_the_pair_to_validate_with_is_of_another_photo(sample):
    """So that a checkpoint is chosen neither by what was trained on nor by what is tested on."""
    validation = CUFED5Dataset(str(sample / 'val'))
    assert len(validation) == 1
    paths = map(Path, validation.image_paths())
    check_overlap(*paths, make_sample.VALIDATION_SIZE)
    tested = {'motorcycle_left.png', 'motorcycle_right.png', 'camera.png', 'moon.png'}
    assert make_sample.VALIDATION_PHOTO not in tested | set(make_sample.TRAINING_PHOTOS)
    assert not tested & set(make_sample.TRAINING_PHOTOS)


def test_twice_and_with_other_options(tmp_path, make):
    out = tmp_path / 'deep' / 'out'
    options = ('--pairs', 2, '--size', 32)
    status, text = make(out, *options)
    assert status == 0
    assert '2 training pairs' in text
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    assert len(before) == 2 * 2 + 2 + 6

    status, text = make(out, *options)
    assert status == 0
    assert 'there already' in text
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}

    status, text = make(out, *options, '--seed', 1)
    assert status == 2
    assert f'error: {out}: exists and is not the sample' in text
    assert [path.name for path in out.parent.iterdir()] == ['out'], 'nothing else is left'
