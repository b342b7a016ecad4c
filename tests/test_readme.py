"""What the README says about the repository is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MAP = README.partition("## Where things are")[2]


def mapped() -> set[str]:
    return {path.rstrip("/") for path in re.findall(r"^\| `([^`]+)` \|", MAP, flags=re.MULTILINE)}


def test_every_path_of_the_map_is_there() -> None:
    assert {path for path in mapped() if not (ROOT / path).exists()} == set()


def test_every_module_and_package_is_on_the_map() -> None:
    parts = {path for path in (ROOT / "sweeprun").iterdir() if not path.name.startswith("__")}
    assert {str(path.relative_to(ROOT)) for path in parts if path.suffix in ("", ".py")} <= mapped()


def test_every_linked_file_is_there() -> None:
    links = set(re.findall(r"\]\(([^):]+)\)", README))
    assert links
    assert {link for link in links if not (ROOT / link).exists()} == set()


def test_the_make_targets_that_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_python_example_is_valid_python() -> None:
    for example in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        compile(example, "README.md", "exec")
