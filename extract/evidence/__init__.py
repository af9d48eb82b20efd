"""Where a value stands in its paper, and whether the paper supports it."""
