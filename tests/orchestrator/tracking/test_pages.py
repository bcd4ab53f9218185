"""The addresses of pages of MLflow's UI."""

from orchestrator.tracking.pages import report_page, run_page


def test_tab_of_a_run_comes_before_what_the_page_is_asked() -> None:
    page = run_page("1", "abc", "system-metrics")

    assert page == "#/experiments/1/runs/abc/system-metrics?workflowType=machine_learning"
    assert "/abc/artifacts/report/report.html?" in report_page("1", "abc")
    assert run_page("1", "abc").startswith("#/experiments/1/runs/abc?")
