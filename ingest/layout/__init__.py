"""Layout by rules: from the signals of a parsed page to blocks in reading order, without model weights.

The flow is in `reading.py`; `engine.py` is the only file here that knows Docling's pipeline.
"""
