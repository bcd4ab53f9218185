"""Where experiments and trials stand: the queries behind `status`, `watch` and the live view.

Only `ledger` imports them. They stay fast with 100,000 trials (`benchmarks/ledger.py`).
"""
