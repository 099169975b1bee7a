"""Benchmarks of whole processes and of the engine, each beside a floor measured in the same run.

A row is a function in `rows/`; it gives figures. Nothing here knows an internal of the engine: it all goes
through the command, its session, or the Python package. Standard library only.
"""
