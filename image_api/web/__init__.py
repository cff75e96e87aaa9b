"""What views share: how requests are read, and how responses are negotiated and written."""
