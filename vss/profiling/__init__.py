"""The cost of a network: operations, peak memory, latency, and advice when memory runs out.

Other packages import `cost`, `out_of_memory`, and `latency` and `latency_measurement`, which load
no torch.
"""
