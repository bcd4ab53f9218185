"""One module per migration, in order. `orchestrator.ledger.tables` holds the result."""
