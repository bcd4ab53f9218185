"""What `status` prints: all experiments, or the trials of one. Others import `status`."""
