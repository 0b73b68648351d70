"""Where numbers come from, and when each of them became public."""
