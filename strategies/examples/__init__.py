"""Strategies to start from: each a file of fewer than forty lines, with a run file and a test of its own."""
