"""The section on the search of settings."""
