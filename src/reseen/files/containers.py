"""The one way in: any file's listing, whatever it is, by its content.

In goes a size, ranges are asked for, out comes a `Listing`; or Malformed, TooLarge, or Unread for
a container that is recognised but not read.
"""

from __future__ import annotations

from reseen.errors import Malformed, Unread
from reseen.files import gguf, limits, npz, safetensors, torch_legacy, torch_zip, zip_directory
from reseen.files.identify import CUT_OFF, HEAD_LENGTH, identify, is_cut_within_header
from reseen.files.source import Range, Reader
from reseen.files.tensors import Listing
from reseen.records import Container

READ = (
    Container.SAFETENSORS,
    Container.TORCH_ZIP,
    Container.TORCHSCRIPT,
    Container.TORCH_LEGACY,
    Container.GGUF,
    Container.NPZ,
)
"""The containers whose tensors can be read."""


def read_listing(size: int, head: bytes = b"", *, thorough: bool = False) -> Reader[Listing]:
    """The tensors of a file of `size` bytes, reading its header only.

    `head`: bytes from its start that are at hand already, at least HEAD_LENGTH of them.
    `thorough`: also read the small headers that a torch file scatters between its tensors, one
    range each: for a local file. Without it their place is computed as torch writes it, and those
    that lie in what was read anyhow are checked.
    Raises Malformed, TooLarge or Unread.
    """
    if not head:
        head = yield Range(0, min(size, limits.PROBE))
    container = identify(head[:HEAD_LENGTH], size)
    if container is Container.SAFETENSORS:
        return (yield from safetensors.read_listing(size, head))
    if container is Container.TORCH_LEGACY:
        return (yield from torch_legacy.read_listing(size, head, thorough=thorough))
    if container is Container.GGUF:
        return (yield from gguf.read_listing(size, head))
    if head[:4] in zip_directory.MAGIC:
        # Whatever its first entry is called: torch looks for data.pkl in the directory.
        windows = zip_directory.Windows(size, [(0, head)], len(head))
        entries = yield from zip_directory.read_directory(windows)
        if npz.is_one(entries):
            return (yield from npz.read_listing(windows, entries, thorough=thorough))
        return (yield from torch_zip.read_listing(windows, entries, thorough=thorough))
    raise refusal(container, head, size)


def refusal(container: Container, head: bytes, size: int) -> Malformed | Unread:
    """Why a file is not read that is of no kind whose tensors are."""
    if container is Container.UNKNOWN and is_cut_within_header(head, size):
        return Malformed(CUT_OFF)
    return Unread(_why_unread(container))


def _why_unread(container: Container) -> str:
    if container is Container.UNKNOWN:
        return "not a model file that is known here"
    return f"a file of kind {container} is matched by its digests only; its tensors are not read"
