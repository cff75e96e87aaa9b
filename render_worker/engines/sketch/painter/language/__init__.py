"""What a prompt says, in any of eleven languages, as a Scene."""
