"""What `status`, `watch` and `logs` print. Others import `status`, `following` and `trial_log`."""
