"""Waiting for services that are out of reach: a pause, never a failure of a trial."""
