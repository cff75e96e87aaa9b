"""Jobs: generations that outlive their request, and this process."""
