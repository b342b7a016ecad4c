"""What a trial that failed for want of its objective is told."""

from __future__ import annotations

import pytest

from sweeprun.run.printed import propose

PRINTED = "Epoch 1/2\nloss: 0.5\n"


def prints(text, name="stdout.log"):
    def act(job):
        path = job.run_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return act


@pytest.fixture
def told(stage):
    """Why the one trial of a sweep failed."""

    def why(*turns, metrics_from="file"):
        text = f"metrics_from: {metrics_from}\nbudget: 1\nworkdir: {stage.directory.parent}"
        stage.run(lambda job: stage.Act(turns), text)
        [trial] = stage.trials
        assert trial.failure.kind == "no_metric"
        assert trial.failure.message.startswith("it ended well and never reported 'loss'; ")
        return trial.failure.message.removeprefix("it ended well and never reported 'loss'; ")

    return why


def test_other_metrics_are_named_with_the_nearest(told):
    text = '{"Loss": 1, "acc": 2}\n'
    assert told(prints(text, "metrics.jsonl")) == "it reported Loss, acc; did you mean 'Loss'?"


def test_where_nothing_was_said_the_ways_to_report_are_named(told):
    assert told() == (
        "it reported nothing: append JSON lines to $SWEEPRUN_METRICS, or print them and say metrics_from: stdout"
    )


def test_a_program_that_was_to_print_its_metrics_is_not_told_to_say_so(told):
    why = told(metrics_from="stdout")
    assert why == "it reported nothing: print a JSON object on a line of its own at each step"


def test_json_that_was_printed_is_recognised(told):
    why = told(prints('starting\n{"epoch": 1, "loss": 0.5}\n'))
    assert why == "it reported nothing, but it printed JSON lines: say metrics_from: stdout"


def test_a_printed_dictionary_is_no_json(told):
    assert "metrics_from: {regex: '\\bloss'':" in told(prints("{'loss': 0.5}\n"))


def test_lines_with_numbers_come_with_the_pattern_that_reads_them(told):
    why = told(prints("\x1b[32m" + PRINTED))
    proposal = propose(PRINTED.splitlines(), "loss", "epoch")
    assert why == f"it reported nothing, but it printed 'loss: 0.5'; to read that, say {proposal}"


def test_lines_on_stderr_count_too(told):
    assert "say metrics_from: {regex:" in told(prints(PRINTED, "stderr.log"))


def test_numbers_of_another_name_come_with_the_metric_to_choose(told):
    assert told(prints("error: 0.5\n")).endswith(", and metric: error")


def test_json_lines_that_nobody_read_are_recognised(told):
    why = told(prints('{"loss": 1}\n', "metrics.jsonl"), metrics_from="stdout")
    assert why == "it reported nothing, but it wrote JSON lines to $SWEEPRUN_METRICS: say metrics_from: file"


def test_where_no_line_matched_the_last_ones_are_shown(told):
    why = told(prints("a\n\nb\nc\nd" + "x" * 200 + "\n"), metrics_from="{regex: 'loss (?P<loss>.)'}")
    assert why.startswith("no line matched the pattern; stdout ended with 'b', 'c', 'dxxx")
    assert why.endswith("...'")
    assert len(why) < 250


def test_where_nothing_was_printed_that_is_said(told):
    several = "{regex: ['(?P<loss>z)', '(?P<epoch>y)']}"
    assert told(metrics_from=several) == "no line matched any of the patterns; it printed nothing"


def test_a_pattern_that_nearly_fits_is_mended(told):
    why = told(prints(PRINTED), metrics_from="{regex: 'loss=(?P<loss>.)'}")
    assert why.startswith("no line matched the pattern, but it printed 'loss: 0.5'; to read that, say metrics_from: {")


def test_a_csv_file_that_is_not_there_is_named_with_the_place(told, stage):
    why = told(metrics_from="{csv: logs/metrics.csv}")
    run = stage.directory / "trials/00000/00000000/run1"
    assert why.startswith(f"there was no file logs/metrics.csv in {run}: hand that directory to the program")


def test_a_csv_file_of_another_name_is_pointed_to(told):
    why = told(prints("epoch,loss\n1,0.5\n", "log 1.csv"), metrics_from="{csv: '**/metrics.csv'}")
    assert why.endswith(", and there was log 1.csv: say metrics_from: {csv: log 1.csv}")


def test_a_csv_file_that_went_into_the_workdir_is_found(told, stage):
    stray = stage.directory.parent / "logs" / "version_3" / "metrics.csv"

    def act(job):
        stray.parent.mkdir(parents=True)
        stray.write_text("epoch,loss\n1,0.5\n")

    why = told(act, metrics_from="{csv: 'logs/*/metrics.csv'}")
    assert f"; the program wrote {stray}: hand it the directory of its run" in why
    assert "${env:SWEEPRUN_DIR}" in why


def test_what_lay_in_the_workdir_before_is_not_blamed(told, stage):
    stage.directory.parent.mkdir()
    (stage.directory.parent / "metrics.csv").write_text("loss\n1\n")
    assert "the program wrote" not in told(metrics_from="{csv: metrics.csv}")


def test_columns_of_other_names_are_metrics_of_other_names(told):
    why = told(prints("epoch,train_loss\n1,0.5\n", "m.csv"), metrics_from="{csv: m.csv}")
    assert why == "it reported train_loss"


def test_a_csv_file_without_numbers_says_so(told):
    why = told(prints("epoch,loss\n", "m.csv"), metrics_from="{csv: m.csv}")
    assert why.endswith("m.csv holds no row with numbers")


def test_an_absolute_place_is_said_as_it_is(told, tmp_path):
    why = told(metrics_from=f"{{csv: {tmp_path}/m.csv}}")
    assert why == f"nothing was written to {tmp_path}/m.csv while it ran"


@pytest.fixture
def failed(stage):
    """Why the one trial of a sweep with these metrics failed, whose program reports these lines."""

    def why(metrics, *lines, text=""):
        stage.sweep(f"budget: 1\n{text}", "metric=null", f"metrics={metrics}")
        list(stage.worker(lambda job: stage.Act(lines)).work())
        [trial] = stage.trials
        assert trial.failure.kind == "no_metric"
        return trial.failure.message

    return why


def test_a_metric_that_was_not_reported_at_the_step_that_counts_is_told_where_it_was_missed(failed):
    why = failed("[loss, ms]", {"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 2.0, "ms": 30.0})
    assert why == (
        "it ended well and has no 'ms' at step 1, whose values count: loss is best there;"
        " report loss and ms together, at each step"
    )


def test_it_is_the_last_step_where_that_one_counts(failed):
    why = failed("[loss, ms]", {"epoch": 1, "loss": 1.0, "ms": 3.0}, {"epoch": 2, "loss": 2.0}, text="reduce: last")
    assert "has no 'ms' at step 2, whose values count: loss is the last one there" in why


def test_what_a_derived_metric_lacks_is_named(failed):
    why = failed("[loss, {name: cost, expr: ms * 2, goal: minimize}]", {"epoch": 1, "loss": 1.0, "m": 3.0})
    assert why == "it ended well and never reported 'ms', which cost needs; it reported loss, m; did you mean 'm'?"


def test_a_derived_metric_that_cannot_be_computed_says_so(failed):
    why = failed("[{name: rate, expr: 1 / ms, goal: minimize}]", {"epoch": 1, "ms": 0.0})
    assert why == "it ended well and 'rate' could never be computed: 1 / ms"


# ---- what the pruner goes by


@pytest.fixture
def notices(stage):
    """What is told of a sweep whose trials report these lines, under a pruner that goes by `acc`."""

    def texts(*lines, pruner="{name: median, metric: acc}", budget=2, **how):
        events = stage.run(lambda job: stage.Act(lines, **how), f"pruner: {pruner}\nbudget: {budget}")
        return [(i, event.said["text"]) for i, event in enumerate(events) if event.name == "notice"], events

    return texts


def epochs(n, **values):
    return [{"epoch": epoch, "loss": 1.0, **values} for epoch in range(1, n + 1)]


def test_a_pruner_whose_metric_never_appears_is_told_of_once_while_the_first_trial_runs(notices):
    [(i, text)], events = notices(*epochs(5, Acc=0.5), budget=3)
    assert text == (
        "pruner median goes by 'acc', which no trial has reported yet, and stops none;"
        " trial 0 reported Acc, loss; did you mean 'Acc'?"
    )
    before = [(event.name, event.said.get("step")) for event in events[:i]]
    assert before[-1] == ("metric", 2)
    assert "trial_completed" not in dict(before)


def test_what_is_reported_instead_need_not_be_like_it(notices):
    [(_, text)], _ = notices(*epochs(3))
    assert text.endswith("and stops none; trial 0 reported loss")


def test_of_a_pruner_that_promotes_it_is_told_that_nobody_will_be(notices):
    [(_, text), *_], _ = notices(*epochs(4), pruner="{name: asha, metric: acc, max: 9}")
    assert text.endswith("which no trial has reported yet, and promotes none; trial 0 reported loss")


def test_it_is_told_once_though_more_is_reported_later(notices):
    assert len(notices(*epochs(3), {"epoch": 4, "loss": 0.5, "f1": 0.5}, {"epoch": 5, "loss": 0.4})[0]) == 1


def test_where_the_objective_is_missing_too_the_end_of_the_trial_tells_of_both(notices):
    told, events = notices({"epoch": 1, "Acc": 0.5}, {"epoch": 2, "Acc": 0.5}, {"epoch": 3, "Acc": 0.5}, budget=1)
    assert told == []
    [why] = [event.said["why"] for event in events if event.name == "trial_failed"]
    assert "it reported Acc" in why


def test_one_step_without_it_proves_nothing_while_the_trial_runs(notices):
    rows = [row for one, other in zip(epochs(3), epochs(3, acc=0.5), strict=True) for row in (one, other)]
    assert notices(*rows)[0] == []


def test_of_trials_that_are_over_at_once_it_is_told_too(notices):
    [(_, text)], _ = notices(*epochs(1), together=True, budget=1)
    assert "goes by 'acc'" in text


@pytest.mark.parametrize("pruner", ["none", "median", "{name: median, metric: loss}", "{name: patience, patience: 9}"])
def test_a_pruner_that_goes_by_what_is_reported_or_by_nothing_is_not_told_of(notices, pruner):
    assert notices(*epochs(3), pruner=pruner)[0] == []


def test_an_earlier_trial_that_reported_it_is_enough(stage):
    acts = {0: stage.Act(epochs(3, acc=0.5))}
    events = stage.run(stage.by_trial(acts, stage.Act(epochs(3))), "pruner: {name: median, metric: acc}\nbudget: 3")
    assert "notice" not in stage.names(events)


def test_a_metric_that_comes_late_is_told_of_as_not_reported_yet(notices):
    [(_, text)], _ = notices(*epochs(4), {"epoch": 5, "loss": 1.0, "acc": 0.5})
    assert "no trial has reported yet" in text
