"""The command line: one module per group of commands; `app` combines them.

A command parses its arguments, calls one function and prints. It imports what it needs in its body,
so that `vss-orch --help` stays fast. No other folder imports from this one.
"""
