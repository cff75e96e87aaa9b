"""Both tiers on this machine, on the sandbox if the outside world is out of reach."""
