"""Tests, in folders that mirror the packages.

There are as many parallel workers as cores, so each worker computes with one thread, and so do the
processes that it starts. Libraries read these variables when they are imported.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
