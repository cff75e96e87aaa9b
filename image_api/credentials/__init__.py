"""API keys, what they have spent, and the secret of signed links, as the jobs' database keeps them."""
