"""The families that come with this package, each in a folder of its own; `registry` finds them there."""
