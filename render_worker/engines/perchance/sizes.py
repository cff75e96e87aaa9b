"""The sizes of Perchance's pictures, as the package has them for its shapes; the page takes them as `resolution`."""

from render_worker.sizes import Sizes

SIZES = Sizes(((768, 768), (768, 512), (512, 768)), promised=True)
