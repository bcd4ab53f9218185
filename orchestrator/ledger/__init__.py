"""The ledger: which experiments request which trials, and the state of each trial.

Others import `ledger`, `entries` (plain values, no database) and, for types, `driver`. Only this
folder imports SQLAlchemy.
"""
