"""MLflow: workers write runs, reports read them back, and MLflow's own UI shows them.

Others import `tracker`, `artifacts` (decodes the files of a run), `ui_server`, and from `trial_run`
the names under which numbers are logged. MLflow is imported only in this folder.
"""
