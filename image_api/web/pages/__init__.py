"""The pages that people look at: their look, files, texts and headers, and what each of them shows."""
