"""Running trials: the driver, its jobs, the worker, and the places where workers run.

Others import `driver` (submit an experiment), `smoke`, `cluster.head` (the persistent head) and,
for types, `job`. Ray is imported in `cluster` only.
"""
