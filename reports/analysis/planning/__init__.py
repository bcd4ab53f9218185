"""The plan of a study: looks that share its error, seeds needed and separable differences.

Other packages may import `looks` (the confidence of a look), `growing` (which look settles which
cell), `adaptive` (simulated studies that grow) and `power` (the rest).
"""
