"""Who reads a unit for a prompt, or that nobody needs to."""
