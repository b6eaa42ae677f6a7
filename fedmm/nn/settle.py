"""What a network asks of its data and of its module, once, before round 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedmm.arrays import is_sparse, namespace
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.nn.flat import Flat

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_module", "classes_of", "width_of"]


def width_of(federation: Federation) -> int:
    """The number of features, once every client's data are dense `Samples` of one dtype.

    Raises
    ------
    DataError
        Naming the client.
    """
    for i, data in federation.looked_at():
        X, y = data if isinstance(data, Samples) else (None, None)
        if X is None or y is None:
            raise DataError(f"network expects Samples(X, y) for client {i}, got {type(data).__name__} without; give both.")
        if is_sparse(X):
            raise DataError(f"network expects a dense X for client {i}, got a sparse one; call X.toarray().")
        if X.ndim != 2 or tuple(y.shape) != (X.shape[0],):
            raise DataError(f"network expects X (n, d) and y (n,) for client {i}: got {tuple(X.shape)} and {tuple(y.shape)}.")
        if X.dtype != y.dtype:
            raise DataError(f"network expects y in the dtype of X ({X.dtype}) for client {i}, got {y.dtype}; cast y.")
    return int(federation[0].X.shape[1])


def classes_of(federation: Federation, outputs: int | None) -> int:
    """`outputs`, or the number of classes, once every label is one of 0, 1, ...

    Raises
    ------
    DataError
        Naming the client and a label that is none, or is too large.
    SpecError
        If the classes are not known because not all clients may be looked at.
    """
    largest, seen, samples = 0, 0, 0
    for i, data in federation.looked_at():
        xp = namespace(data.y)
        low, high = float(xp.min(data.y)), float(xp.max(data.y))
        if low < 0 or not bool(xp.all(data.y == xp.floor(data.y))):
            bad = low if low < 0 else "fractions"
            raise DataError(f"network expects the classes 0, 1, ... in y of client {i}, got {bad}; number the classes from 0.")
        if outputs is not None and high >= outputs:
            raise DataError(f"network has {outputs} outputs, but client {i} has the class {high:g}; set outputs.")
        largest, seen, samples = max(largest, int(high)), seen + 1, samples + int(data.y.shape[0])
    if outputs is None and seen < len(federation):
        raise SpecError("Expected network.outputs, for the clients' labels are loaded only when needed; give their number.")
    if outputs is None and largest > max(1, samples):  # the last layer would have a row for each class that never occurs
        raise DataError(
            f"network counts classes by the largest, {largest:.6g} among {samples} samples; renumber, or set outputs."
        )
    return max(largest + 1, 2) if outputs is None else outputs


def check_module(flat: Flat, X: Tensor, y: Tensor) -> None:
    """That the module has parameters, is no source of randomness, and takes a sample `X` (1, features) with its target.

    Raises
    ------
    SpecError
        Saying which.
    """
    from torch import Tensor
    from torch.nn.modules.dropout import _DropoutNd

    if not flat.parameters:
        raise SpecError("Expected a module with trainable parameters, it has none.")
    for name, inner in flat.module.named_modules():
        if isinstance(inner, _DropoutNd) and inner.p > 0:
            raise SpecError(
                f"The module draws random numbers in {name or 'itself'} ({type(inner).__name__}), which no address controls; "
                "leave dropout out or set p=0."
            )
    try:
        loss = flat.value(flat.initial.to(device=X.device, dtype=X.dtype), X, y)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise SpecError(
            f"The module or the loss does not take samples of shape {flat.input_shape} ({reason}); set input_shape and outputs."
        ) from error
    if not isinstance(loss, Tensor):
        raise SpecError(f"Expected the loss to give a torch tensor, the mean over samples, got {type(loss).__name__}.")
    if loss.ndim != 0:
        raise SpecError(f"Expected the loss to give one number, the mean over samples, got shape {tuple(loss.shape)}.")
