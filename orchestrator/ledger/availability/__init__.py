"""What does not answer: a ledger out of reach, and drivers that have fallen silent.

Others import `outage` and `pause`.
"""
