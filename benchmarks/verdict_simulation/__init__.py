"""The simulations behind `benchmarks/verdicts.py`: studies, procedures, and the real bootstrap."""
