"""Strategies to learn from: each a file of fewer than fifty lines, with a run file and a test of its own."""
