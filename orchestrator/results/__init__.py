"""Results: join the ledger and MLflow into records, and turn records into reports and comparisons.

Others import `report`, `records`, `comparison` and `earlier_study`.
"""
