"""The addresses of pages of MLflow's UI, without the host."""

from urllib.parse import quote

from orchestrator.tracking.study_view import picture_view

# Without it, a page opens in a mode for chat agents.
_WORKFLOW = "workflowType=machine_learning"


def runs_page(experiment_id: str, view: str | None = None) -> str:
    """Return the page of an experiment of MLflow, as a shared view shows it."""
    page = f"#/experiments/{experiment_id}/runs?{_WORKFLOW}"
    return page if view is None else f"{page}&viewStateShareKey={quote(view)}"


def pictures_page(experiment_id: str, experiment: str) -> str:
    """Return the page of the pictures of one of our experiments' trials."""
    return f"{runs_page(experiment_id, picture_view(experiment))}&compareRunsMode=CHART"


def run_page(experiment_id: str, run_id: str, tab: str = "") -> str:
    """Return the page of a run, or one of its tabs, such as "system-metrics"."""
    path = f"#/experiments/{experiment_id}/runs/{run_id}"
    return f"{path}{tab and f'/{tab}'}?{_WORKFLOW}"


def report_page(experiment_id: str, run_id: str) -> str:
    """Return the page of the report among the artifacts of a run."""
    return run_page(experiment_id, run_id, "artifacts/report/report.html")
