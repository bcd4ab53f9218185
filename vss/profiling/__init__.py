"""The cost of a network: operations, peak memory, latency, and advice when memory runs out.

Others import `cost`, `latency` and `latency_measurement` (both without torch) and `out_of_memory`.
"""
