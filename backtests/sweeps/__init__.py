"""Many configurations of one run: which ones, running them, and what their table says.

`settings` is what a run file may ask for, `plan` the configurations that follow, `tasks` how one is run,
`execution` how all are, `store` what survives an interruption, `measures` and `plateau` what is read from the
outcome, `report` the folder. `walk_forward` chooses among the configurations by the past alone.
"""
