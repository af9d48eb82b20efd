"""`reread dev-server`: a model server without a model, for writing prompts and for testing what happens when a server misbehaves.

It speaks the same HTTP as vLLM does, faults included. It is a part of its own: no reader knows of it.
"""
