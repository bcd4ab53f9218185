"""Running trials: the driver, its jobs, the worker, and the places where workers run.

Others import `driver` (submit an experiment), `smoke`, `ray_head` (the lasting head) and, for
types, `job`. Ray is imported in this folder only, and only after `ray_cluster.connect` has set its
environment.
"""
