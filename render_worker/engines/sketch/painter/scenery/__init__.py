"""All of a picture but its subjects: palette, sky, land, water, interiors and weather."""
