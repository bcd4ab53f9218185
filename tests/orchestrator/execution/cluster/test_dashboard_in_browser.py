"""Ray's dashboard as a researcher sees it: who has the token sees the node and the study.

The browser is the system's Chromium; without it, this test is skipped.
"""

import pytest

from orchestrator.execution.cluster.connection import Connection
from orchestrator.execution.job import Job
from orchestrator.execution.loop import run_jobs
from orchestrator.execution.stop_requests import StopRequests
from orchestrator.secrecy.known_values import token_file
from tests.browser import WIDTHS, open_browser, open_page, take_screenshot
from tests.orchestrator.execution.cluster.test_executor import JobList, Recorder


@pytest.mark.slow
def test_dashboard_asks_for_the_token_and_shows_the_workers_of_a_study(
    connection: Connection, job: Job
) -> None:
    from orchestrator.execution.cluster.executor import RayExecutor

    executor = RayExecutor(connection.dashboard_url, "a study")
    run_jobs(JobList([job]), executor, Recorder(), StopRequests())
    url = str(connection.dashboard_url)
    token = {"name": "ray-authentication-token", "value": token_file().read_text().strip()}

    with open_browser() as browser:
        with open_page(browser) as page:
            page.goto(url)
            page.get_by_text("Token Required").wait_for()
            take_screenshot(page, "ray-token")
        for form, scheme in (("screen", "light"), ("phone", "dark")):
            with open_page(browser, WIDTHS[form], scheme) as page:
                page.context.add_cookies([{**token, "url": url}])
                page.goto(f"{url}/#/cluster")
                page.get_by_text("ALIVE").first.wait_for()
                take_screenshot(page, f"ray-cluster-{form}")
                page.goto(f"{url}/#/actors")
                page.get_by_text("a study").first.wait_for()
                take_screenshot(page, f"ray-actors-{form}")
    executor.close()
