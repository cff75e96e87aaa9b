"""What runs jobs: leases, attempts and retries."""
