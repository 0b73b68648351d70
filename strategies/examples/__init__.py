"""Strategies to learn from: each a file of under forty lines, with a run file and a test of its own."""
