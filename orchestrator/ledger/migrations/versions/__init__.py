"""One module per migration, in order. `orchestrator.ledger.tables` describes the result."""
