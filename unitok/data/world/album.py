"""Pictures of scenes, each drawn once, so that documents that show the same picture share it."""

from __future__ import annotations

from PIL import Image as PillowImage

from unitok.data.world.render import CANONICAL, Style, render
from unitok.data.world.scene import Scene
from unitok.document import Image


class Album:
    """Draws scenes as document parts; asking again for a scene in the same style gives the same part."""

    def __init__(self, size: int = 64) -> None:
        """``size`` is the height and width of the pictures, in pixels."""
        self.size = size
        self._pictures: dict[tuple[int, int], tuple[Scene, Style, Image]] = {}

    def picture(self, scene: Scene, style: Style = CANONICAL) -> Image:
        key = id(scene), id(style)
        if key not in self._pictures:
            drawn = PillowImage.fromarray(render(scene, self.size, style))
            # The scene and the style are kept, so that no other object takes over their ids.
            self._pictures[key] = scene, style, Image(drawn)
        return self._pictures[key][2]
