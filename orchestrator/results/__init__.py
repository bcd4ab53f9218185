"""Results: ledger and MLflow joined to records, and from records to reports and comparisons.

Others import `report`, `records`, `comparison` and `earlier_study`.
"""
