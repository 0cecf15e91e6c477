"""The stages of ``gpu_check.py``: each looks at one thing, in a process of its own."""
