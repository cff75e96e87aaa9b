"""The API tier's routes: blueprints alone, one module for each family of URLs."""
