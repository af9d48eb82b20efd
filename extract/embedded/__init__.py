"""The embedded lane: read a paper for a prompt with no server and no GPU, by copying from it."""
