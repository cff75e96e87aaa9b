"""Several render workers: which makes a picture, and which has one."""
