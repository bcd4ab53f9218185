"""Alembic migrations: they create the tables of a ledger and bring them up to date."""
