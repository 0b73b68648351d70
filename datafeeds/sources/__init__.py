"""Where numbers come from: the embedded market, and public sources fetched over the network."""
