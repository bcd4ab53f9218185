"""The command line: one module per group of commands; `app` puts them together.

A command parses its arguments, calls one function and prints. It imports what it needs in its body,
so that `vss-orch --help` stays fast. Nothing imports from this folder.
"""
