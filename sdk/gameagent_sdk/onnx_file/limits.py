"""The most that a bundle may hold. Real policies stay far below; a forged file must not take all memory or all day."""

MAX_FILE_BYTES = 2**26  # 64 MiB
MAX_FIELDS = 250_000  # protobuf fields in the whole file, and numbers in lists that are not stored raw
MAX_TEXT_BYTES = 2**20  # of one text: a doc string, a metadata entry, the manifest
MAX_NAME_BYTES = 1024  # of a tensor, node, operator or domain
MAX_METADATA = 64  # entries of the model's own metadata
MAX_NODES = 4096
MAX_TENSORS = 4096  # initializers
MAX_PORTS = 64  # inputs, and as many outputs
MAX_RANK = 8  # axes of any tensor
MAX_ELEMENTS = 2**24  # of any tensor, for a handful of rows
MAX_ALL_ELEMENTS = 2**26  # of all tensors together, likewise
MAX_FINDINGS = 50  # a check stops there

IR_VERSIONS = range(4, 14)  # before 4, initializers had to be inputs too
OPSETS = range(13, 24)
