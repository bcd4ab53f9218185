"""Who and what answers: outages of the ledger itself, and drivers that have fallen silent."""
