"""What is kept of runs: their folders, the record of trials, reviews, and the index of it all."""
