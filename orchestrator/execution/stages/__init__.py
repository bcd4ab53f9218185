"""Stages of an experiment: trials that join it when the scores of the earlier ones are known.

`stage` has the interface and asks the stages; each other module is one of them. Only
`orchestrator/execution` imports from here.
"""
