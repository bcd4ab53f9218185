"""Fail unless the quickstart's report is whole and shows what the quickstart is there to show."""

import sys
from pathlib import Path

import pandas as pd

from orchestrator.spec.file import load_spec

experiment = load_spec(Path("experiments/quickstart.yaml"))
report = Path(sys.argv[1])

lines = (report / "report.md").read_text().splitlines()
headings = next(line for line in lines if line.startswith("| cell |")).split(" | ")
for cell in experiment.cells:
    row = next((line for line in lines if line.startswith((f"| {cell} ", f"| **{cell}** "))), None)
    if row is None:
        sys.exit(f"{report}/report.md has no row for '{cell}'")
    values = dict(zip(headings, row.split(" | "), strict=True))
    values.pop("more seeds needed", None)  # the baseline has none
    if missing := [heading for heading, value in values.items() if value.strip(" |") == "-"]:
        sys.exit(f"{report}/report.md lacks {', '.join(missing)} of '{cell}'")

results = pd.read_csv(report / "results.csv")
planned = {trial.trial_id for trial in experiment.trials}
if set(results["trial_id"]) != planned or not (results["state"] == "FINISHED").all():
    sys.exit(f"results.csv is not {len(planned)} finished trials:\n{results[['cell', 'state']]}")

miou = results.groupby("cell")["miou"].agg(["mean", "min", "max"]).loc[list(experiment.cells)]
if not miou["mean"].is_monotonic_increasing or miou["min"].iloc[-1] <= miou["max"].iloc[0]:
    sys.exit(f"mIoU does not grow with memory:\n{miou}")
print(f"the demo's report is whole, and mIoU grows with memory:\n{miou.round(4)}")
