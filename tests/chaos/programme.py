"""All scenes by name, those over HTTP first."""

from tests.chaos import queue_scenes, scenes

SCENES = scenes.SCENES.by_name | queue_scenes.SCENES.by_name
