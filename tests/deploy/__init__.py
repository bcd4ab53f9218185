"""Tests of the files by which the service is deployed."""
