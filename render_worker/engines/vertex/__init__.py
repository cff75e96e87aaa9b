"""Google's Vertex AI: Gemini's image models."""
