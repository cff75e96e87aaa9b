"""Daily budgets: what an engine may cost in a day (UTC), counted before each attempt and never exceeded."""
