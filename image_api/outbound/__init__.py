"""HTTP to other servers, guarded against slow or endless replies."""
