"""Both tiers on this machine, with the sandbox in the outside world's place where there is none."""
