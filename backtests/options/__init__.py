"""Options: the price surface, what a hedge is worth on each session, and what one costs."""
