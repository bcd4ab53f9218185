"""The ledger: which experiments request which trials, and the state of each trial.

Others import `ledger`, `trial_names`, `quick_names` (for completion), `probe` (for `doctor`), the
plain values in `entries` and, for types, `driver`. Only this folder imports SQLAlchemy.
"""
