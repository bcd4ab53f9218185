"""How a ledger came to have its tables, by Alembic."""
