"""The sizes of Perchance's pictures: the package has them for its shapes, the page takes them as `resolution`."""

from render_worker.contract import Shape, Size
from render_worker.sizes import Sizes

SHAPES: dict[Size, Shape] = {(768, 768): "square", (768, 512): "landscape", (512, 768): "portrait"}
SIZES = Sizes(tuple(SHAPES), promised=True)
