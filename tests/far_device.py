"""A device for machines that have none: its tensors compute on the CPU, but cannot be mixed with the CPU's.

Code that is meant for a GPU and forgets a tensor on the CPU works on machines without a GPU. Here it fails as it would
on one. The device poses as torch's "meta", which exists everywhere. What crosses to it and back is counted.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

FAR, CPU = torch.device("meta"), torch.device("cpu")
TO_COPY, COPY = torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default
JOIN = torch.ops.aten.cat.default, torch.ops.aten.stack.default
READ = torch.ops.aten._local_scalar_dense.default


class FarTensor(torch.Tensor):
    """A tensor on the far device."""

    near: torch.Tensor  # what it holds, on the CPU

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> "FarTensor":
        return torch.Tensor._make_wrapper_subclass(
            cls, near.size(), strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=FAR
        )

    def __init__(self, near: torch.Tensor) -> None:
        self.near = near

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        """What torch takes for a tensor without content."""
        return False

    def tolist(self) -> Any:
        """torch has none for subclasses."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return compute(func, args, kwargs or {}, Counter())


class FarDevice(TorchDispatchMode):
    """While it is entered, the far device exists.

    Attributes:
        crossings: How often something crossed: "up" to the device, "down" from it; "read" for a single number.
        entered: Whether it exists now.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.crossings: Counter[str] = Counter()
        self.entered = False

    def __enter__(self) -> "FarDevice":
        super().__enter__()  # type: ignore[no-untyped-call]
        self.entered = True
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self.entered = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and torch's compiler takes seconds to import

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {}, self.crossings)


def compute(func: Any, args: Any, kwargs: Any, crossings: Any) -> Any:
    """Runs an operator on near tensors, or on far ones, or a copy between both, which is counted."""
    tensors: list[Any] = []
    each((args, tuple(kwargs.values())), tensors.append)
    far = [one for one in tensors if isinstance(one, FarTensor)]
    lost = [one for one in tensors if one.device == FAR and not isinstance(one, FarTensor)]
    assert not lost, f"{func} got a tensor of the far device that holds nothing: make it by torch.full, torch.arange, …"
    where = target_of(func, args, kwargs, far)
    if func in (TO_COPY, COPY):
        if tensors[-1].device != where:
            crossings["up" if where == FAR else "down"] += 1
    elif func is READ and far:
        crossings["read"] += 1
    elif far:
        # As on a GPU, a single number may be on the CPU, but not among those that are put together.
        near = [one for one in tensors if not isinstance(one, FarTensor) and (one.dim() > 0 or func in JOIN)]
        assert not near, f"{func} mixes a tensor {tuple(near[0].shape)} on the CPU with those of the far device"
    if kwargs.get("device") is not None:
        kwargs = kwargs | {"device": CPU}
    result = func(*each(args, unwrap), **{name: each(value, unwrap) for name, value in kwargs.items()})
    if where != FAR:
        return args[0] if func is COPY else result
    known = {id(one.near): one for one in far}  # what works in place gives back what it was given
    return each(result, lambda one: known.get(id(one)) if id(one) in known else FarTensor(one))


def target_of(func: Any, args: Any, kwargs: Any, far: Any) -> torch.device:
    """Where an operator's result is."""
    if func is COPY:
        where = args[0].device
    elif kwargs.get("device") is not None:
        where = torch.device(kwargs["device"])
    else:
        where = FAR if far else CPU
    return CPU if where.type == "cpu" else FAR


def unwrap(tensor: torch.Tensor) -> torch.Tensor:
    """What a tensor holds."""
    return tensor.near if isinstance(tensor, FarTensor) else tensor


def each(values: Any, change: Callable[[Any], Any]) -> Any:
    """Values, nested as arguments of operators are, with every tensor changed."""
    if isinstance(values, torch.Tensor):
        return change(values)
    if isinstance(values, tuple | list):
        return type(values)([each(value, change) for value in values])
    return values
