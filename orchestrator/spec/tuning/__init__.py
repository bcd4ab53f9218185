"""The search for settings that a spec asks for under `tune`.

`tune` is the section as written, `ranges` what it states for one setting, `searches` what follows
for the trials of a cell. Nothing here searches: that is Ray Tune's part, in
`orchestrator.execution`.
"""
