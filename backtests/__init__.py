"""Running decisions against a market, and judging the outcome."""
