"""Networks: find trained ones, evaluate them, and estimate what untrained ones will cost.

Others import any module of this folder.
"""
