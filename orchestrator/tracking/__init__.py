"""MLflow: runs written by workers, read back for reports, and shown in MLflow's own UI.

Others import `tracker`, `artifacts` (files of a run, decoded), `ui_server`, and from `trial_run`
the names under which numbers are logged. MLflow is imported in this folder only.
"""
