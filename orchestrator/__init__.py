"""The service: asks for trials, runs them, tracks them and has them reported. The only composer."""
