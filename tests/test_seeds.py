"""What follows from the seed of a sweep."""

from sweeprun import seeds


def test_the_seed_of_trials_follows_from_the_sweeps_seed_and_the_repeat_alone():
    assert seeds.of_trials(7, 0) == 215689894  # for ever: a sweep that is resumed must hand out the same
    assert len({seeds.of_trials(s, r) for s in range(30) for r in range(30)}) == 900
    assert all(0 <= seeds.of_trials(s, 0) < 1 << 31 for s in range(99))


def test_the_randomness_of_a_suggestion_follows_from_the_sweeps_seed_and_its_number_alone():
    assert seeds.generator(7, 3).random() == 0.9750335537195014  # for ever, too
    assert len({seeds.generator(s, n).random() for s in range(9) for n in range(9)}) == 81
