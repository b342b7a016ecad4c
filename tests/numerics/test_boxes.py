"""Boxes that fill what a front leaves."""

from __future__ import annotations

import numpy as np
import pytest

from sweeprun.numerics.boxes import undominated


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_every_point_that_is_not_dominated_is_in_one_box_and_no_other_in_any(m: int) -> None:
    rng = np.random.default_rng(m)
    front, reference = rng.random((7, m)), np.full(m, 0.9)
    lower, upper = undominated(front, reference)
    points = rng.uniform(-0.2, 1, (2000, m))
    n_boxes = np.sum(np.all((points[:, None] >= lower) & (points[:, None] < upper), axis=2), axis=1)
    dominated = np.any(np.all(points[:, None] >= front, axis=2), axis=1)
    inside = np.all(points < reference, axis=1)
    np.testing.assert_array_equal(n_boxes, (inside & ~dominated).astype(int))


def test_without_a_front_it_is_all_below_the_reference() -> None:
    lower, upper = undominated(np.empty((0, 3)), np.array([1.0, 2.0, 3.0]))
    assert lower.tolist() == [[-np.inf] * 3]
    assert upper.tolist() == [[1.0, 2.0, 3.0]]


def test_two_objectives_take_a_strip_for_each_point_and_one_more() -> None:
    front = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.5]])
    assert len(undominated(front, np.array([2.0, 2.0]))[0]) == 4
