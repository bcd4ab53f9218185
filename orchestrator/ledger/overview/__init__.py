"""Where experiments and trials stand: the queries behind `status`, `watch` and the live view.

Only `ledger` imports them; others import the plain values `attempt_status` and `budget_status`. The
queries stay fast with 100,000 trials (`benchmarks/ledger.py`).
"""
