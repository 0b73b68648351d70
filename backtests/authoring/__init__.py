"""The strategy author's kit: a new strategy in one command, and a check that it can't look ahead.

The check that counts is the sealed replay (`backtests.authoring.sealed`): decisions are made again in a fresh
process that holds the market up to that decision and can open neither files nor network. What it proves, and
what it does not, stands in docs/what-is-proved.md.
"""
