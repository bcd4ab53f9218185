"""The price of a network: operations, peak memory, latency, and advice when memory runs out.

Others import `cost`, `latency`, `latency_measurement` (its values, no torch) and `out_of_memory`.
"""
