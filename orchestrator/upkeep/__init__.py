"""Upkeep: deleting an experiment, and cleaning the storage of what no experiment asks for.

Others import `cleaning`, `deletion` and `stale_files` (what killed processes left behind).
"""
