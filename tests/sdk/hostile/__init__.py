"""Hostile and broken files by kind, each made by code: bundles in ``BUNDLES``, saved minds in ``MINDS``.

``judge.py`` shows each to the SDK inside ``worker.py``, a process that may be lost. Needs the SDK and pytest alone.
"""

# Importing a room fills the corpora.
import sdk.hostile.containers
import sdk.hostile.explosions
import sdk.hostile.graphs
import sdk.hostile.labour
import sdk.hostile.manifests
import sdk.hostile.minds
import sdk.hostile.models
import sdk.hostile.operators
import sdk.hostile.places
import sdk.hostile.plans
import sdk.hostile.ports
import sdk.hostile.tensors  # noqa: F401
from sdk.hostile.judge import Judge
from sdk.hostile.kinds import BUNDLES, MINDS, Corpus, Kind

__all__ = ["BUNDLES", "MINDS", "Corpus", "Judge", "Kind"]
