"""Prompt files, and what a model is told with one."""
