"""Everything written for CUDA, in one command: `make gpu`, or `python -m tests.gpu --help`.

`parts` lists what to run, `runner` runs it and stores the results, and the tests here cover what
differs between devices. They also run on a CPU, so that they can be debugged without a GPU.
"""
