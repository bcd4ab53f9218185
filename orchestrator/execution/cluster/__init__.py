"""Ray: connecting to it, slots in which trials run, and the persistent head.

Ray is imported in this folder only, and only after `connection.connect` has set its environment.
"""
