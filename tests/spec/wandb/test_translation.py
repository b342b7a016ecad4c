import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.errors import SweepFileError
from sweeprun.spec import yaml12
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.wandb.translation import recognised, translate

PLAIN = Path(__file__).with_name("plain.yaml")
OURS = frozenset(field.alias or name for name, field in SweepFile.model_fields.items())
OWN_FILES = [*sorted(Path("configs").glob("*.yaml")), Path("tests/spec/everything.yaml")]


def parse(text, *overrides):
    return SweepFile.parse(text, Path("/somewhere/sweep.yaml"), overrides)


def failure(text, *overrides):
    with pytest.raises(SweepFileError) as caught:
        parse(text, *overrides)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "method: grid",
        "program: train.py",
        "{run_cap: 3, metric: a}",
        "{command: [a], metric: {name: a}, parameters: {lr: {distribution: uniform, min: 0, max: 1}}}",
    ],
)
def test_a_file_with_words_that_only_wandb_has_is_recognised(text):
    assert recognised(yaml12.load(text, "f").value, OURS)


@pytest.mark.parametrize(
    "text",
    [
        "{command: a, metric: b, parameters: {lr: [1, 2]}}",
        "{command: a, metric: b, method: grid, budget: 3}",
        "{command: a, metric: b, parameters: {method: [1, 2], lr: {min: 1, max: 2}}}",
        "{command: a, metric: b, parameters: {x: {min: 1, max: 2, q: 1}}}",
        "{command: a, metric: b, parameters: {x: {distribution: uniform, min: 1, max: 2, log: true}}}",
        "{metric: a, parameters: 3}",
    ],
)
def test_a_file_of_our_own_is_not(text):
    assert not recognised(yaml12.load(text, "f").value, OURS)


@pytest.mark.parametrize("path", OWN_FILES, ids=str)
def test_none_of_our_own_files_is_taken_for_one_of_wandb(path):
    assert SweepFile.load(path).translation is None


def test_an_error_that_is_found_in_our_own_language_has_the_place_in_the_users_file():
    text = PLAIN.read_text()
    error = failure(text.replace("run_cap: 20", "run_cap: many"))
    assert (error.line, error.column) == (6, 1)
    assert error.message == "budget.trials must be a whole number, at least 1, not 'many'"
    error = failure(text.replace("min: 1e-5", "min: 0.2"))
    assert (error.line, error.message) == (13, "parameters.lr: min 0.2 is above max 0.1")
    error = failure(text.replace("[2, 4, 8]", "[]"))
    assert (error.line, error.message) == (19, "parameters.layers: the list of values is empty")
    error = failure(text.replace("  name: val/loss\n", ""))
    assert (error.line, error.message) == (4, "metric.name is missing")


def test_overrides_are_in_our_own_language_and_go_on_top():
    sweep = parse(PLAIN.read_text(), "budget=5", "algorithm=random", "parameters.lr.max=0.5", "args=equals", "seed=3")
    assert (sweep.budget.trials, sweep.algorithm.name, sweep.args, sweep.seed) == (5, "random", "equals", 3)
    assert sweep.space.parameters[0].high == 0.5


def test_a_fault_of_an_override_names_the_command_line():
    assert failure(PLAIN.read_text(), "budget.trails=3").file == "--set budget.trails=3"
    assert failure(PLAIN.read_text(), "run_cap=3").hint.startswith("W&B's run_cap is budget.trials here")


def test_of_several_refusals_the_first_in_the_file_is_told():
    text = "method: gird\nprogram: a.py\nparameters: {x: {distribution: beta, a: 2}}\nearly_termination: {}\n"
    assert failure(text).message == "method must be bayes, random or grid, not 'gird'"
    assert failure(text).hint == "did you mean 'grid'?"
    assert failure(text.replace("gird", "grid")).line == 1  # no metric
    assert failure(text.replace("gird", "grid"), "metric=loss").line == 3
    given = ("metric=loss", "parameters.x=[1]")
    assert failure(text.replace("gird", "grid"), *given).hint == "did you mean 'early_terminate'?"


@pytest.mark.parametrize("method", ["ax", "custom"])
def test_the_methods_of_other_schedulers_are_a_choice_of_ours(method):
    sweep = parse(f"{{program: a.py, method: {method}, metric: loss, parameters: {{x: [1, 2]}}}}")
    assert sweep.algorithm.name == "auto"


def test_the_short_forms_of_our_own_language_are_understood_too():
    sweep = parse("{program: a.py, method: grid, metric: loss, parameters: {x: [1, 2], y: 3}}")
    assert [sweep.space.configuration(i) for i in range(2)] == [{"x": 1, "y": 3}, {"x": 2, "y": 3}]


def test_no_parameters_are_one_configuration():
    assert parse("{program: a.py, method: grid, metric: loss, parameters: {}}").space.size == 1
    assert parse("{program: a.py, method: grid, metric: loss, parameters: }").space.size == 1


def test_a_name_that_fits_no_directory_is_left_out():
    sweep = parse("{program: a.py, method: grid, metric: loss, name: 学習率}")
    assert sweep.name == "sweep"
    assert sweep.notes[-1] == "line 1: name '学習率' -> left out: the sweep is named after the file"
    assert parse("{program: a.py, method: grid, metric: loss, name: 2024}").name == "2024"


@pytest.mark.parametrize(
    ("program", "note"),
    [("run.sh", "python is started with 'run.sh', as W&B does it"), ("a.py -v", "python is started with 'a.py -v'")],
)
def test_a_program_that_is_no_python_file_is_noted(program, note):
    sweep = parse(f"{{program: {program}, method: grid, metric: loss}}")
    assert sweep.command == ("python", program, "${args}")
    assert any(note in said for said in sweep.notes)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("[python, '${program}', '${args}']", "the command has ${program}, and there is no program"),
        ("[python, '${args}', '${args_json}']", "the command hands the parameters over more than once"),
        ("[python, null]", "command must be text, or a list of texts"),
        ("{a: 1}", "command must be text"),
        ("'a \"b'", "command cannot be split into words"),
        ("[]", "command must be text, or a list of texts"),
    ],
)
def test_a_command_that_starts_nothing_is_refused(command, message):
    assert message in failure(f"{{method: grid, metric: loss, command: {command}}}").message


@pytest.mark.parametrize(
    ("macro", "style"),
    [
        ("args", "wandb"),
        ("args_no_hyphens", "hydra"),
        ("args_no_boolean_flags", "flags"),
        ("args_json", "json"),
        ("args_json_file", "file"),
        ("args_no_equals", "space"),
    ],
)
def test_each_macro_for_arguments_is_a_style(macro, style):
    sweep = parse(f"{{method: grid, metric: loss, command: ['${{interpreter}}', a.py, '${{{macro}}}']}}")
    assert (sweep.command, sweep.args) == (("python", "a.py", "${args}"), style)


def test_the_program_is_looked_for_beside_the_file_and_then_where_the_command_is_typed(tmp_path, monkeypatch):
    (tmp_path / "sweeps").mkdir()
    file = tmp_path / "sweeps" / "sweep.yaml"
    file.write_text(PLAIN.read_text())
    monkeypatch.chdir(tmp_path)
    assert SweepFile.load(file).workdir == str(tmp_path / "sweeps")
    (tmp_path / "train.py").touch()
    sweep = SweepFile.load(file)
    assert sweep.workdir == str(tmp_path)
    assert "line 1: the agent's directory -> workdir ..: train.py is in the current directory" in "\n".join(sweep.notes)
    (tmp_path / "sweeps" / "train.py").touch()
    assert SweepFile.load(file).workdir == str(tmp_path / "sweeps")


def test_a_module_is_looked_for_as_a_program_is(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train.py").touch()
    file = tmp_path / "sweeps" / "sweep.yaml"
    monkeypatch.chdir(tmp_path)
    text = "{method: grid, metric: loss, command: [python, -m, package.train, '${args}']}"
    assert SweepFile.parse(text, file).workdir == str(tmp_path)


def test_the_document_of_the_user_is_not_changed():
    document = yaml12.load(PLAIN.read_text(), "f")
    again = yaml12.load(PLAIN.read_text(), "f")
    translate(document, Path())
    assert document == again


lines = st.sampled_from(
    [
        *PLAIN.read_text().splitlines(),
        *(
            "method: 3",
            "program: [a]",
            "metric: [a]",
            "metric: {name: 3, target: x}",
            "parameters: [1]",
            "name: {a: b}",
        ),
        *("command: [a, 3]", "command: ['${args}', '${x}']", "parameters: {x: {parameters: {y: 3}}}", "metrics: [3]"),
        *("parameters: {x: {parameters: []}}", "early_terminate: 3", "run_cap: {a: 1}", "description: 3", "job: a"),
    ]
)
junk = st.text(alphabet="abc:{}[],1- \n'&*.${", max_size=12)


@settings(max_examples=300)
@given(st.lists(st.one_of(lines, st.builds("method: grid\n{}".format, junk)), max_size=12))
def test_any_file_is_a_sweep_or_an_error_of_ours(parts):
    with contextlib.suppress(SweepFileError):
        parse("\n".join(parts))
