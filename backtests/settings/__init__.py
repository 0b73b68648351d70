"""What a run file and a sweep may say, and strategies and markets by name."""
