"""All tests and benchmarks of CUDA code, in one command: `make gpu` (`python -m tests.gpu`).

`parts` lists what to run, `runner` runs it and stores the results, and the tests here cover what
differs between devices. They also run on a CPU, so that they can be debugged without a GPU.
"""
