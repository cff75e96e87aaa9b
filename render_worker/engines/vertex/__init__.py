"""Google's Vertex AI: Imagen and Gemini."""
