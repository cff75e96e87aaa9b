"""Any API of images that is compatible with OpenAI's: OpenAI itself, other services, one's own servers."""
