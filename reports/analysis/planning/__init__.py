"""The plan of a study: looks that share its error, the seeds and differences within its reach.

Others import `looks` (the confidence of a look) and `power` (seeds needed, separable differences).
"""
