"""Which variants are held out: a space's training, validation and test variants.

There are three ways (`VariantSpace.hold_out`):

- ``"combinations"`` holds out combinations of rule values, chosen so that every single rule looks the same in each
  split. If all variants can be listed (`listed`), a tenth of them is chosen for test and another tenth for validation,
  with every value equally often in each split (`balance`), and drawn with weights that make the margins exact
  (iterative proportional fitting, Deming and Stephan 1940). Otherwise (`lattice`) ranges are cut into cells, about
  2**22 combinations or more, and a combination is held out if its *phase*, the sum of a multiple of each cell's number
  modulo 1, is in the last two tenths: a lattice, which covers every margin more evenly than chance would.
- ``"values"`` keeps about a tenth of each rule's values (a sixteenth of a range, an option, a place in an order) for
  test and another for validation; a test variant has at least one value that training never met (`reserved`).
- ``"pairs"`` does the same with pairs of values of two rules; training meets each of these values with other partners.
"""
