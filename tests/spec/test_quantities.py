from datetime import datetime

import pytest

from sweeprun.spec.quantities import deadline, duration, size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("1.5m", 90), ("12h", 43200), ("2 d", 172800)],
)
def test_durations_are_seconds(written, seconds):
    assert duration(written) == seconds


@pytest.mark.parametrize(
    ("written", "n_bytes"),
    [(5, 5), ("5", 5), ("5B", 5), ("500MB", 500_000_000), ("10GiB", 10 * 2**30), ("1.5KiB", 1536)],
)
def test_sizes_are_bytes(written, n_bytes):
    assert size(written) == n_bytes


@pytest.mark.parametrize("written", [0, -1, True, None, "", "x", "3x", "-3s", "1e3", float("inf"), float("nan"), [1]])
def test_anything_else_is_refused_with_examples(written):
    with pytest.raises(ValueError, match=r"a duration such as 90, 90s, 15m"):
        duration(written)
    with pytest.raises(ValueError, match=r"a size such as 500MB"):
        size(written)


def test_a_deadline_without_an_offset_is_local_time():
    assert deadline("2026-12-01T08:00") == datetime(2026, 12, 1, 8).timestamp()


def test_a_deadline_may_have_an_offset_or_be_epoch_seconds():
    assert deadline("1970-01-01T01:00+01:00") == 0
    assert deadline(12.5) == 12.5


@pytest.mark.parametrize("written", ["tomorrow", None, True, float("nan"), [], "2026-13-01"])
def test_a_deadline_that_is_no_time_is_refused(written):
    with pytest.raises(ValueError, match="a date and time such as"):
        deadline(written)
