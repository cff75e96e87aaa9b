"""What every view shares: how requests are read and responses are written."""
