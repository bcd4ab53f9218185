"""Networks: find trained ones, evaluate them, and estimate what untrained ones will cost.

Others import `lookup`, `evaluation` and `cost_estimate`.
"""
