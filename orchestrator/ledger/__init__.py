"""The ledger: which experiments asked for which trials, and where each trial stands.

Others import `ledger`, `entries` (plain values, no database) and, for types, `driver`. Only this
folder imports SQLAlchemy.
"""
