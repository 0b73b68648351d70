"""What the commands do: `backtests.cli` parses, these call the rooms and print."""
