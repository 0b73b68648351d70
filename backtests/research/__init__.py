"""What the source analysis claims, tested with nothing but what any user of the package can call."""
