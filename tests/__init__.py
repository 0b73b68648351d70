"""Tests mirror the packages; values from outside stand in `answers/`."""
