"""The source analysis's claims, each tested on a market: one small function a claim, one scoreboard."""
