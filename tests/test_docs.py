"""README, docs and committed specs, checked against the code."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app
from orchestrator.spec.file import load_spec
from orchestrator.terminal.reference.settings_page import build_settings_page
from reports.report import rebuild
from tests.conftest import VARIABLES, SpecWriter

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for folder in (".", "docs", "benchmarks", "experiments")
    for page in (ROOT / folder).glob("*.md")
)
COMMANDS: Any = typer.main.get_command(app)  # of a click that typer brings along


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def find_yaml(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_example_in_the_readme_is_a_valid_spec(write_spec: SpecWriter) -> None:
    (example,) = find_yaml("README.md")

    assert list(load_spec(write_spec(example)).cells) == ["fcn", "memory 1", "memory 4"]


def test_example_of_all_designs_is_a_valid_spec(write_spec: SpecWriter) -> None:
    (example,) = find_yaml("docs/specs.md")

    assert list(load_spec(write_spec(example)).cells) == [
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

    folders = [name for name in path.relative_to(ROOT / "experiments").parts if name != "recipes"]
    assert load_spec(path).name == "_".join(folders).removesuffix(".yaml")
    schema = "../" * (len(path.relative_to(ROOT).parts) - 2) + "spec.schema.json"
    assert text.startswith(f"# yaml-language-server: $schema={schema}\n")
    assert "# Cost:" in text
    assert "# Expected:" in text


def test_every_variable_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text()

    assert [name for name in VARIABLES if f"`{name}`" not in text] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = [name_of(page) for page in PAGES if name_of(page).startswith("docs/")]

    assert [page for page in pages if f"({page})" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(link)

    assert broken == []


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts form them."""
    texts = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def find_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words after `vss-orch` of every command in a page, without comments."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^(?: {4}|\$ | {4}\$ )(?:\S*/)?vss-orch (.*)$", text, re.MULTILINE)
    for line in [*blocks, *re.findall(r"`(?:\S*/)?vss-orch ([^`]+)`", text)]:
        yield shlex.split(line.split("  #")[0].split(" | ")[0], comments=True)


WRITTEN_BY_HAND = [p for p in PAGES if p.name not in ("CHANGELOG.md", "commands.md")]


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    assert [shlex.join(w) for w in find_commands(page) if not exists(w)] == []


def exists(words: list[str]) -> bool:
    """Return whether a command exists with all options that the words contain."""
    command, options = COMMANDS, options_of(COMMANDS)
    for word in words:
        subcommands = getattr(command, "commands", {})
        if word in subcommands:
            command = subcommands[word]
            options |= options_of(command)
            continue
        is_option = word.startswith("--")
        if word.partition("=")[0] not in options if is_option else subcommands:
            return False
    return True


def options_of(command: Any) -> set[str]:
    return {"--help"} | {
        name for option in command.params for name in (*option.opts, *option.secondary_opts)
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_examples_are_valid(page: Path) -> None:
    for example in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(example, name_of(page), "exec")


def test_reference_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs/settings.md").read_text() == build_settings_page(), "run: make docs"


@pytest.mark.slow
def test_reference_of_commands_is_up_to_date() -> None:
    words = ["orchestrator.cli.app", "utils", "docs", "--name", "vss-orch", "--title", "Commands"]
    reference = subprocess.run(
        [sys.executable, "-m", "typer", *words], check=True, capture_output=True, text=True
    ).stdout

    committed = (ROOT / "docs/commands.md").read_text()
    assert committed.rstrip() == reference.rstrip(), "run: make docs"


@pytest.mark.slow
@pytest.mark.parametrize("name", [f.name for f in (ROOT / "experiments/results").iterdir()])
def test_committed_report_is_rebuilt_byte_for_byte(name: str, tmp_path: Path) -> None:
    committed = ROOT / "experiments" / "results" / name

    rebuild(committed, tmp_path)

    for file in ("report.md", "results.csv", "results.json", "curves.csv", "table.tex"):
        assert (tmp_path / file).read_bytes() == (committed / file).read_bytes(), file
    names = {path.name for path in committed.iterdir()} | {"report.html"}  # not committed
    assert {path.name for path in tmp_path.iterdir()} == names
