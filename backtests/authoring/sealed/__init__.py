"""Decisions made again where the future is absent: a fresh process behind walls of the operating system."""
