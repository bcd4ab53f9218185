"""Upkeep: deleting an experiment, and cleaning the storage of what no experiment asks for.

Others import `cleaning`, `deletion`, `latency`, `stale_files` (what killed processes left behind)
and `stopped_states` (those of samples whose search is over).
"""
