"""Faults of the graph's structure: who computes what from what, under which name, and what goes in and out."""

# mypy: disable-error-code="misc"

from sdk.hostile.kinds import BUNDLES, REFUSED
from sdk.hostile.onnx_writer import (
    BOOL,
    INT64,
    attribute,
    data,
    each,
    floats,
    graph,
    graph_attribute,
    integer,
    node,
    port,
    tensor,
)
from sdk.hostile.sound import WEIGHTS, bundle, detour, policy

IDENTITY = node("Identity", ["scores"], ["logits"])


@BUNDLES.refused
def cycle() -> bytes:
    """two nodes that wait for one another."""
    return bundle(
        detour(node("Add", ["scores", "b"], ["a"]), node("Tanh", ["a"], ["b"]), node("Tanh", ["b"], ["logits"]))
    )


@BUNDLES.refused
def self_loop() -> bytes:
    """a node that reads what it writes."""
    return bundle(detour(node("Add", ["scores", "logits"], ["logits"])))


@BUNDLES.refused
def use_before_definition() -> bytes:
    """nodes in the wrong order."""
    return bundle(detour(node("Tanh", ["later"], ["logits"]), node("Tanh", ["scores"], ["later"])))


@BUNDLES.refused
def undefined_input() -> bytes:
    """a node that reads what nothing writes."""
    return bundle(detour(node("Add", ["scores", "nowhere"], ["logits"])))


@BUNDLES.refused
def written_twice() -> bytes:
    """two nodes that write the same tensor."""
    return bundle(detour(IDENTITY, node("Tanh", ["scores"], ["logits"])))


@BUNDLES.refused
def written_twice_by_one_node() -> bytes:
    """a node with two outputs of one name."""
    split = node("Split", ["scores"], ["half", "half"], [attribute("axis", 1)])
    return bundle(detour(split, node("Concat", ["half", "half"], ["logits"], [attribute("axis", 1)])))


@BUNDLES.refused
def overwritten_weight() -> bytes:
    """a node that writes to a weight's name."""
    return bundle(detour(node("Tanh", ["scores"], ["w_out"]), IDENTITY))


@BUNDLES.refused
def overwritten_input() -> bytes:
    """a node that writes to a graph input's name."""
    return bundle(detour(node("Tanh", ["scores"], ["observation"]), IDENTITY))


@BUNDLES.tame
def weight_called_like_an_input() -> bytes:
    """an initializer with an input's name: its default, to some engines."""
    return bundle(policy(initializers=(*WEIGHTS, floats("observation", (1, 3), (0.0,) * 3))))


@BUNDLES.refused
def weight_twice() -> bytes:
    """two weights of one name: engines choose differently."""
    return bundle(policy(initializers=(*WEIGHTS, floats("w_x", (3, 2), (9.0,) * 6))))


@BUNDLES.refused
def weight_without_a_name() -> bytes:
    """a weight with an empty name, which means "left out" in a node."""
    return bundle(policy(initializers=(*WEIGHTS, floats("", (1,), (0.0,)))))


@BUNDLES.refused
def a_million_empty_nodes() -> bytes:
    """two megabytes that unfold into a million nodes."""
    return bundle(policy(extra=data(1, b"") * 1_000_000))


@BUNDLES.tame
def thirty_thousand_nodes() -> bytes:
    """a long chain of sound nodes."""
    chain = [node("Tanh", [f"t{i}"], [f"t{i + 1}"]) for i in range(30_000)]
    return bundle(detour(node("Tanh", ["scores"], ["t0"]), *chain, node("Tanh", ["t30000"], ["logits"])))


@BUNDLES.tame
def thirty_thousand_weights() -> bytes:
    """many weights that nothing uses."""
    return bundle(policy(initializers=(*WEIGHTS, *(floats(f"w{i}", (1,), (0.0,)) for i in range(30_000)))))


@BUNDLES.tame
def concat_of_thirty_thousand() -> bytes:
    """a node with very many inputs."""
    join = node("Concat", ["scores"] * 30_000, ["wide"], [attribute("axis", 1)])
    mean = node("ReduceMean", ["wide"], ["mean"], [attribute("axes", [1])])
    return bundle(detour(join, mean, node("Add", ["scores", "mean"], ["logits"])))


@BUNDLES.refused
def node_without_an_operator() -> bytes:
    """a node of no operator."""
    return bundle(detour(each(1, ["scores"]) + each(2, ["logits"])))


@BUNDLES.refused
def node_without_outputs() -> bytes:
    """a node that writes nothing."""
    return bundle(detour(IDENTITY, node("Tanh", ["scores"], [])))


@BUNDLES.refused
def node_without_inputs() -> bytes:
    """an operator without what it works on."""
    return bundle(detour(node("Tanh", [], ["logits"])))


@BUNDLES.refused
def node_with_an_input_left_out() -> bytes:
    """an operator whose needed input is marked as left out."""
    return bundle(detour(node("Add", ["scores", ""], ["logits"])))


@BUNDLES.refused
def node_with_an_input_too_many() -> bytes:
    """a sum of three."""
    return bundle(detour(node("Add", ["scores"] * 3, ["logits"])))


@BUNDLES.refused
def node_with_an_output_too_many() -> bytes:
    """an operator asked for an output that it does not have."""
    return bundle(detour(node("Tanh", ["scores"], ["logits", "more"])))


@BUNDLES.refused
def nodes_of_one_name() -> bytes:
    """two nodes of one name."""
    return bundle(
        detour(node("Tanh", ["scores"], ["a"], extra=data(3, "n")), node("Tanh", ["a"], ["logits"], extra=data(3, "n")))
    )


@BUNDLES.refused
def unknown_operator() -> bytes:
    """an operator that does not exist."""
    return bundle(detour(node("Obey", ["scores"], ["logits"])))


for domain in (
    "com.microsoft",
    "ai.onnx.ml",
    "ai.onnx.training",
    "com.example.plugin",
    " ai.onnx",
    "AI.ONNX",
    "ai.onnx\0",
):
    BUNDLES.add_bytes(
        f"operator_of_{domain.encode().hex()}",
        f"an operator of the domain {domain!r}.",
        REFUSED,
        lambda domain=domain: bundle(
            detour(node("Tanh", ["scores"], ["logits"], extra=data(7, domain))),
            extra=data(8, data(1, domain) + integer(2, 1)),
        ),
    )


@BUNDLES.refused
def overloaded_operator() -> bytes:
    """an operator with an overload's name, which chooses among local functions."""
    return bundle(detour(node("Tanh", ["scores"], ["logits"], extra=data(8, "special"))))


BODY = graph([node("Identity", ["scores"], ["inner"])], outputs=[port("inner", ("N", 2))])
YES = tensor("yes", (), b"\x01", BOOL)


@BUNDLES.refused
def an_if() -> bytes:
    """a branch with sub-graphs."""
    branches = [graph_attribute("then_branch", BODY), graph_attribute("else_branch", BODY)]
    return bundle(detour(node("If", ["yes"], ["logits"], branches), initializers=[YES]))


@BUNDLES.refused
def an_endless_loop() -> bytes:
    """a loop that never ends."""
    inner = graph(
        [node("Identity", ["go"], ["go_on"]), node("Identity", ["x"], ["y"])],
        inputs=[port("i", (), INT64), port("go", (), BOOL), port("x", ("N", 2))],
        outputs=[port("go_on", (), BOOL), port("y", ("N", 2))],
    )
    loop = node("Loop", ["", "yes", "scores"], ["logits"], [graph_attribute("body", inner)])
    return bundle(detour(loop, initializers=[YES]))


@BUNDLES.refused
def a_scan() -> bytes:
    """a scan over the rows."""
    inner = graph([node("Identity", ["x"], ["y"])], inputs=[port("x", (2,))], outputs=[port("y", (2,))])
    scan = node("Scan", ["scores"], ["logits"], [graph_attribute("body", inner), attribute("num_scan_inputs", 1)])
    return bundle(detour(scan))


@BUNDLES.refused
def a_sub_graph_in_a_sum() -> bytes:
    """a sub-graph in an attribute of an operator that has none."""
    return bundle(detour(node("Add", ["scores", "scores"], ["logits"], [graph_attribute("body", BODY)])))


@BUNDLES.refused
def sub_graphs_nested_deeply() -> bytes:
    """two thousand graphs, each in an attribute of the one around it."""
    inner = BODY
    for _ in range(2000):
        inner = graph([node("If", ["yes"], ["x"], [graph_attribute("then_branch", inner)])])
    return bundle(detour(node("If", ["yes"], ["logits"], [graph_attribute("then_branch", inner)]), initializers=[YES]))


@BUNDLES.tame
def contradicting_shapes() -> bytes:
    """shapes of inner tensors that contradict what is computed."""
    return bundle(policy(extra=data(13, port("mixed", (7, 7, 7), INT64))))


@BUNDLES.refused
def quantization_annotation() -> bytes:
    """an annotation that lets engines exchange tensors."""
    return bundle(policy(extra=data(14, data(1, "mixed") + data(2, data(1, "SCALE_TENSOR") + data(2, "w_x")))))


@BUNDLES.refused
def sparse_initializer() -> bytes:
    """a weight stored sparsely, of 10^12 elements."""
    values = tensor("sparse", (1,), b"\x00\x00\x80\x3f")
    places = tensor("", (1,), b"\x05" + bytes(7), INT64)
    return bundle(policy(extra=data(15, data(1, values) + data(2, places) + integer(3, 10**12))))
