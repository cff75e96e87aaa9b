"""Commands of the operator: `flask --app app …`."""
