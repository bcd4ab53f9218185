"""The simulations for `benchmarks/verdicts.py`: studies, procedures, and the real bootstrap."""
