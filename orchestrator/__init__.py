"""The service: asks for trials, runs them, tracks them and reports on them. The only composer."""
