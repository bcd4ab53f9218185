"""Machines without a network: trial files go out, trial directories come back.

Others import `export` and `collection`.
"""
