"""Everything written for CUDA, in one command: `make gpu`, or `python -m tests.gpu --help`.

`parts` lists what runs, `runner` runs it and keeps the results, and the tests here cover what
differs between devices. They run on the CPU too, so that they are right before a GPU is at hand.
"""
