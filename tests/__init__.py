"""Tests, in the order of the packages that they cover.

Workers side by side are as many as the cores: each has one thread for its arithmetic, and so have
the processes that it starts. Libraries read these variables when they are imported.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
