"""The README and the committed specs, checked against the code."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.spec.file import load_spec
from reports.report import rebuild
from tests.conftest import VARIABLES, SpecWriter

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS_WITH_LINKS = ["README.md", "docs/cluster.md", "docs/reports.md", "docs/statistics.md"]


def test_example_in_the_readme_is_a_valid_spec(write_spec: SpecWriter) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)

    experiment = load_spec(write_spec(example))

    assert list(experiment.cells) == [
        "memory_length=1 share_slots=false",
        "memory_length=2 share_slots=false",
        "memory_length=2 share_slots=true",
        "memory_length=4 share_slots=false",
        "memory_length=4 share_slots=true",
        "fcn",
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").rglob("*.yaml")), ids=lambda p: p.stem
)
def test_committed_spec_is_valid_and_states_its_cost_and_expected_scores(path: Path) -> None:
    text = path.read_text()

    assert load_spec(path).name == path.stem
    schema = "../" * (len(path.relative_to(ROOT).parts) - 2) + "spec.schema.json"
    assert text.startswith(f"# yaml-language-server: $schema={schema}\n")
    assert "# Cost:" in text
    assert "# Expected:" in text


def test_every_command_is_in_the_readme() -> None:
    help_text = CliRunner().invoke(app, ["--help"], terminal_width=200).output
    commands = re.findall(r"^│ (\w[\w-]*)  ", help_text, re.MULTILINE)

    assert "submit" in commands
    for command in commands:
        assert f"`{command}" in README, command


def test_every_variable_is_in_the_readme() -> None:
    for name in VARIABLES:
        assert f"`{name}`" in README


@pytest.mark.parametrize("document", DOCUMENTS_WITH_LINKS)
def test_linked_files_exist(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))

    assert links
    files = [link for link in links if "://" not in link]
    assert [file for file in files if not (path.parent / file).exists()] == []


@pytest.mark.slow
def test_committed_report_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    committed = ROOT / "experiments" / "results" / "camvid_quick"

    rebuild(committed, tmp_path)

    for name in ("report.md", "results.csv", "results.json", "curves.csv", "table.tex"):
        assert (tmp_path / name).read_bytes() == (committed / name).read_bytes(), name
    names = {path.name for path in committed.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == names
