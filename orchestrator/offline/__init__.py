"""Offline machines: trial files go out, trial directories come back.

Others import `export` and `trial_import`.
"""
