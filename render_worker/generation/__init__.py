"""From a request to its result: admission, selection of an engine, attempts, fallback."""
