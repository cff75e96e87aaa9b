"""Authentication and authorization: which account a credential belongs to, and which scopes that account has."""
