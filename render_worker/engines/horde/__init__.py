"""AI Horde: pictures by volunteers' machines, free."""
