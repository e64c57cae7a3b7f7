"""The inputs and outputs of the policy step that a manifest implies, for exporters, engines and sessions.

Every tensor has a leading batch axis of N rows; one row is one agent.
"""

from collections.abc import Iterable, Iterator

from gameagent_sdk.bundle.manifest import Manifest
from gameagent_sdk.errors import BundleError, Finding, shown
from gameagent_sdk.graph import Port


def step_inputs(manifest: Manifest) -> tuple[Port, ...]:
    """The inputs of the policy step, in the order of the graph's documentation."""
    num_actions = manifest.num_actions
    legal_actions = [Port("legal_actions", "bool", (None, num_actions))] if manifest.action.mask else []
    return (
        Port("observation", "float32", (None, manifest.observation_size)),
        *legal_actions,
        Port("previous_action", "float32", (None, num_actions)),
        Port("previous_reward", "float32", (None, 1)),
        Port("episode_start", "float32", (None, 1)),
        *(Port(tensor.name, tensor.dtype, (None, *tensor.shape)) for tensor in manifest.hidden_state),
        *(Port(tensor.name, tensor.dtype, (None, *tensor.shape)) for tensor in manifest.adapting_weights),
    )


def step_outputs(manifest: Manifest) -> tuple[Port, ...]:
    """The outputs of the policy step: what actions are drawn from, the next hidden state, then any beliefs."""
    beliefs = [Port("beliefs", "float32", (None, manifest.belief_size))] if manifest.beliefs else []
    return (
        *(Port(name, "float32", (None, manifest.num_actions)) for name in manifest.action.outputs),
        *(Port(f"next_{tensor.name}", tensor.dtype, (None, *tensor.shape)) for tensor in manifest.hidden_state),
        *beliefs,
    )


def adaptation_inputs(manifest: Manifest) -> tuple[Port, ...]:
    """The inputs of the adaptation graph: the weights of one row, then T steps of experience.

    They are those of `experience_ports`, with ``advantages`` in place of ``rewards`` if the steps learn from
    them; then ``step_scale``, if the manifest names a best return.
    """
    learns_from, scaled = _gradient_traits(manifest)
    steps = [
        Port(learns_from, port.dtype, port.shape) if port.name == "rewards" else port
        for port in experience_ports(manifest)
    ]
    return (
        *(Port(tensor.name, tensor.dtype, (1, *tensor.shape)) for tensor in manifest.adapting_weights),
        *steps,
        *([Port("step_scale", "float32", (1,))] if scaled else []),
    )


def experience_ports(manifest: Manifest) -> tuple[Port, ...]:
    """What is kept of each of T steps for gradient steps to learn from.

    ``actions`` are in the form of the policy step's ``previous_action``; ``episode_end`` is 1 at each episode's last
    step, else 0. For a policy gradient, which learns from advantages, ``legal_actions`` are kept too, and the
    agent's own continuous actions are as they were drawn, even if they lie outside their box.
    """
    masked = _gradient_traits(manifest)[0] == "advantages" and manifest.action.mask
    return (
        Port("observations", "float32", (None, manifest.observation_size)),
        *([Port("beliefs", "float32", (None, manifest.belief_size))] if manifest.beliefs else []),
        *([Port("legal_actions", "bool", (None, manifest.num_actions))] if masked else []),
        Port("actions", "float32", (None, manifest.num_actions)),
        Port("rewards", "float32", (None, 1)),
        Port("episode_end", "float32", (None, 1)),
    )


def padded_length(num_steps: int) -> int:
    """How many steps the adaptation graph is given, padding included: a number of three significant bits.

    These are 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 and so on: at most a quarter more, and few lengths that recur.
    """
    unit = 1 << max(num_steps.bit_length() - 3, 0)
    return -(-num_steps // unit) * unit


def adaptation_outputs(manifest: Manifest) -> tuple[Port, ...]:
    """The outputs of the adaptation graph: the weights after its gradient steps."""
    weights = manifest.adapting_weights
    return tuple(Port(f"next_{tensor.name}", tensor.dtype, (1, *tensor.shape)) for tensor in weights)


def check_signature(manifest: Manifest, inputs: Iterable[Port], outputs: Iterable[Port]) -> None:
    """Checks that an engine found in the graph what the manifest promises.

    The leading axis must be dynamic. Any other axis that the graph leaves dynamic fits any size.

    Raises:
        BundleError: They differ; the error lists every mismatch.
    """
    found = signature_findings(manifest, inputs, outputs)
    if found:
        raise BundleError.listing("the graph is not what its manifest says", found)


def signature_findings(manifest: Manifest, inputs: Iterable[Port], outputs: Iterable[Port]) -> list[Finding]:
    """Every mismatch between a graph and the manifest; see `check_signature`."""
    return port_findings((step_inputs(manifest), step_outputs(manifest)), (inputs, outputs))


def port_findings(
    expected: tuple[Iterable[Port], Iterable[Port]], found: tuple[Iterable[Port], Iterable[Port]]
) -> list[Finding]:
    """Every mismatch between the inputs and outputs that are expected of a graph and those it has."""
    mismatches = [*_mismatches("input", expected[0], found[0]), *_mismatches("output", expected[1], found[1])]
    return [Finding(what, "the graph's signature", "export again") for what in mismatches]


def _gradient_traits(manifest: Manifest) -> tuple[str, bool]:
    """What gradient steps learn from, and whether they are scaled; those of beliefs if there are none."""
    gradient = manifest.gradient
    return ("rewards", False) if gradient is None else (gradient.learns_from, gradient.scales_steps)


def _mismatches(side: str, expected: Iterable[Port], found: Iterable[Port]) -> Iterator[str]:
    by_name = {port.name: port for port in found}
    for port in expected:
        given = by_name.pop(port.name, None)
        if given is None:
            yield f"{side} {port.name} is missing"
        elif not _fits(port, given):
            yield f"{side} {port.name} should be {port} but is {given}"
    for name in by_name:
        yield f"{side} {shown(name)} is not in the manifest"


def _fits(port: Port, given: Port) -> bool:
    if given.dtype != port.dtype or len(given.shape) != len(port.shape):
        return False
    return all(size is None or size == wanted for wanted, size in zip(port.shape, given.shape, strict=True))
