"""A whole submit: run or follow the experiment, write the report, say what is left."""

from collections.abc import Sequence

from rich.console import Console

from orchestrator.execution.driver import RunTarget, submit
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores


def run_submit(
    experiment: Experiment,
    target: RunTarget,
    stores: Stores,
    pictures: bool,
    words: Sequence[str],
    console: Console,
) -> int:
    """Run a submit from start to end, and return its exit code.

    Args:
        experiment: the experiment.
        target: the place where it runs.
        stores: the ledger and MLflow.
        pictures: whether the report shows frames.
        words: the words after `vss-orch` as the user typed them.
        console: the console to print on.

    Raises:
        UserError: if something is wrong, before anything is recorded or started.
    """

    def write_report() -> None:
        from orchestrator.results.report import print_report_of_submit  # takes a second

        print_report_of_submit(experiment.name, stores, target.settings, pictures, console)

    submission = submit(experiment, target, stores, console, write_report)
    if submission.is_unfinished:
        text = submission.describe_rest(experiment.name, words)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    return submission.exit_code
