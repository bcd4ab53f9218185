"""Fail unless the quickstart's report is whole and shows what the quickstart is there to show."""

import re
import sys
from pathlib import Path

import pandas as pd

from orchestrator.spec.file import load_spec
from reports.text.format import MISSING

experiment = load_spec(Path("experiments/quickstart.yaml"))
report = Path(sys.argv[1])

text = (report / "report.md").read_text()
# The main table, its other columns, and the means of steadiness.
tables = re.findall(r"^\| cell \|.*\n(?:\|.*\n)+", text, re.MULTILINE)[:3]
if len(tables) < 3:
    sys.exit(f"{report}/report.md has {len(tables)} tables of cells instead of three or more")
for headings, _, *rows in (table.splitlines() for table in tables):
    for cell in experiment.cells:
        row = next((r for r in rows if r.startswith((f"| {cell} ", f"| **{cell}** "))), None)
        if row is None:
            sys.exit(f"{report}/report.md has no row for '{cell}' in the table {headings}")
        values = dict(zip(headings.split(" | "), row.split(" | "), strict=True))
        values.pop("more seeds needed", None)  # the baseline has none
        if missing := [
            name for name, value in values.items() if value.strip(" |") in ("", MISSING)
        ]:
            sys.exit(f"{report}/report.md lacks {', '.join(missing)} of '{cell}'")

results = pd.read_csv(report / "results.csv")
planned = {trial.trial_id for trial in experiment.trials}
if set(results["trial_id"]) != planned or not (results["state"] == "FINISHED").all():
    sys.exit(f"results.csv is not {len(planned)} finished trials:\n{results[['cell', 'state']]}")

miou = results.groupby("cell")["miou"].agg(["mean", "min", "max"]).loc[list(experiment.cells)]
if not miou["mean"].is_monotonic_increasing or miou["min"].iloc[-1] <= miou["max"].iloc[0]:
    sys.exit(f"mIoU does not grow with memory:\n{miou}")
print(f"the demo's report is whole, and mIoU grows with memory:\n{miou.round(4)}")
