"""Limits on what a bundle may hold: far above any real policy, but a forged file must not take all memory."""

MAX_FILE_BYTES = 2**26  # 64 MiB
MAX_FIELDS = 250_000  # protobuf fields in the whole file, and numbers in lists that are not stored raw
MAX_TEXT_BYTES = 2**20  # of one text: a doc string, the manifest
MAX_ENTRY_BYTES = 2**24  # of one metadata entry: a second graph may stand in it
MAX_NAME_BYTES = 1024  # of a tensor, node, operator or domain
MAX_METADATA = 64  # entries of the model's own metadata
MAX_NODES = 4096
MAX_TENSORS = 4096  # initializers
MAX_PORTS = 64  # inputs, and as many outputs
MAX_RANK = 8  # axes of any tensor
MAX_ELEMENTS = 2**24  # of any tensor, for two or three rows
MAX_BYTES = 2**28  # of all tensors together: for a batch of rows, or for the steps of one adaptation

# Work is counted in units of about a nanosecond, see gameagent_sdk/operators/work.py. A policy step of an LSTM of 512
# units with beliefs is some 4 million for a row; the weights that fit into a file are 17 million, each used once.
MAX_WORK = 2**25  # of a policy step, for each row
BATCH_ROWS = 16  # a squad, or the states on which gradient steps are measured: that many rows must fit as well
MAX_FOLDED_WORK = 2**26  # on constants, while loading
MAX_SLICE_WORK = 2**28  # of gradient steps, and of a policy step of the rows on which they are measured
MAX_STEPS = 2**14  # of experience that gradient steps learn from at once, in any bundle
FEWEST_STEPS = 64  # of experience that gradient steps must be able to learn from, within that, or an episode's if fewer
MAX_FINDINGS = 50  # a check stops there

IR_VERSIONS = range(4, 14)  # before 4, initializers had to be inputs too
OPSETS = range(13, 24)
