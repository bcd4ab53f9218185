"""Networks: a backbone on each frame, a head that may read the past, logits for the current one."""
