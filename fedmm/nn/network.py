r"""Neural networks: a ``torch.nn.Module`` and a loss become f_i, the module's parameters one flat vector theta.

    f_i(theta) = (1/n_i) sum_j loss(net(theta, x_ij), y_ij) + (ridge / 2) |theta|^2,      g = 0.

With `rho` there is a surrogate for FedMM and the like: that of gradient steps (psi = |theta|^2 / (2 rho), phi = theta / rho,
S_i(tau) = tau - rho grad f_i(tau), T(s) = s). It majorises where the gradients of the f_i are 1/rho-Lipschitz. No such
constant is known for a network, so rho is the user's, nothing here certifies (M), and no step is derived from theory.

| argument | symbol |
|---|---|
| theta, at | theta, tau: the parameters in the order of ``module.parameters()``, (..., d) |
| ridge | lambda |
| rho | rho |
| data | `Samples`: X (n, features), reshaped to `input_shape` a row, and y (n,) |

Arrays may be NumPy's (torch sees them without a copy) or torch's, on a CPU or a GPU; answers come in theta's library and dtype.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.util import find_spec
from math import isqrt, prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, is_torch, namespace, norm2, to_numpy
from fedmm.batches import take
from fedmm.buffers import Buffers, Session
from fedmm.checks import check_array, numeric
from fedmm.errors import DataError, FedmmError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.nn.architectures import ARCHITECTURES, IMAGES, named
from fedmm.nn.flat import Flat, State
from fedmm.nn.losses import CROSS_ENTROPY, LOSSES
from fedmm.problem import Problem
from fedmm.types import ORACLES, Batch, Facts, HasSurrogate

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["Network"]


class Bound(NamedTuple):
    """The buffers a network looks at: those its values are taken at, or one for each client of a turn, updated by gradients."""

    at: State | None = None
    turn: list[State] | None = None


@dataclass(frozen=True)
class Network(Problem):
    r""":math:`f_i=\frac1{n_i}\sum_j\mathrm{loss}(\mathrm{net}_\theta(x_{ij}),y_{ij})+\frac\lambda2\|\theta\|^2`, needs torch.

    Data are `Samples`; for the cross-entropy y holds the classes 0, 1, ..., outputs - 1.

    Parameters
    ----------
    architecture : str, callable or torch.nn.Module
        "mlp", "cnn" or "resnet18-gn" (`fedmm.nn.architectures`); "package.module:function" or a function of (input_shape,
        outputs) that builds a module; or a module, whose weights are then the start. A run is saved only if it is a string.
    loss : str or callable
        "cross-entropy", or "squared" for :math:`\frac12\|\mathrm{net}-y\|^2`; "package.module:function" or a function of
        (outputs (n, outputs), y (n,)) that gives the mean over the samples.
    input_shape : tuple of int or None
        The shape of one sample, such as (3, 32, 32). None: the row as it is; for "cnn" and "resnet18-gn" a square image of one
        channel.
    outputs : int or None
        The length of the module's answer. None: as many as there are classes; 1 for another loss.
    ridge : float
        lambda >= 0; it belongs to f_i.
    rho : float or None
        The surrogate's step > 0; None offers no surrogate.
    init : int
        Which random start: the address of the draws of torch's own initialisation. torch's global generators are left alone.

    Raises
    ------
    SpecError
        For a constant out of range.
    """

    architecture: str | Any = "mlp"
    loss: str | Any = CROSS_ENTROPY
    input_shape: tuple[int, ...] | None = None
    outputs: int | None = None
    ridge: float = 0.0
    rho: float | None = None
    init: int = 0

    name: ClassVar[str] = "network"
    _bound: ClassVar[Bound] = Bound()
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "digits:labels=digit",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedavg",
        "rounds": 30,
        "set": {"method.step": 0.2, "method.batch": 20},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.ridge < float("inf"):
            raise SpecError(f"Expected network.ridge >= 0 and finite, got {self.ridge}.")
        if self.rho is not None and not 0 < self.rho < float("inf"):
            raise SpecError(f"Expected network.rho > 0 and finite, got {self.rho}; leave it out for no surrogate.")
        if self.input_shape is not None and (not self.input_shape or min(self.input_shape) < 1):
            raise SpecError(f"Expected network.input_shape of numbers >= 1, got {self.input_shape}.")
        if self.outputs is not None and self.outputs < 1:
            raise SpecError(f"Expected network.outputs >= 1, got {self.outputs}.")
        if self.init < 0:
            raise SpecError(f"Expected network.init >= 0, got {self.init}.")
        if isinstance(self.architecture, str):
            named(self.architecture, ARCHITECTURES, "architecture")
        elif not callable(self.architecture):  # a module is callable too
            raise SpecError(f"Expected network.architecture as a name, a function or a module, got {self.architecture!r}.")
        if isinstance(self.loss, str):
            named(self.loss, LOSSES, "loss")
        elif not callable(self.loss):
            raise SpecError(f"Expected network.loss as a name or a function, got {self.loss!r}.")

    def __getstate__(self) -> dict[str, Any]:
        """The fields and the buffers it is bound to: what was built from the fields is built again."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"_bound": self._bound}

    @property
    def oracles(self) -> tuple[type, ...]:
        """The gradient, and with rho the surrogate."""
        found = (oracle for oracle in ORACLES if isinstance(self, oracle))
        return tuple(oracle for oracle in found if oracle is not HasSurrogate or self.rho is not None)

    @cached_property
    def _flat(self) -> Flat:
        """The module as a function of a flat vector; built once."""
        from torch.nn.parameter import is_lazy

        if self.input_shape is None or self.outputs is None:
            raise SpecError("network.input_shape and network.outputs are not known yet; call settle(federation, ()) first.")
        loss = named(self.loss, LOSSES, "loss") if isinstance(self.loss, str) else self.loss
        module = self._built(self.input_shape, self.outputs)
        if any(is_lazy(each) for each in [*module.parameters(), *module.buffers()]):
            raise SpecError("network.architecture has lazy layers, whose sizes are not known; give them, or pass it a sample.")
        return Flat(module, loss, self.input_shape)

    def _built(self, input_shape: tuple[int, ...], outputs: int) -> Module:
        import torch

        if isinstance(self.architecture, torch.nn.Module):
            return copy.deepcopy(self.architecture)
        builder: Any = self.architecture
        if isinstance(builder, str):
            builder = named(builder, ARCHITECTURES, "architecture")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(Key(self.init).fold("network").generator().integers(2**62)))
            try:
                module = builder(input_shape, outputs)
            except FedmmError:
                raise
            except Exception as error:  # someone else's function: whatever it says
                raise SpecError(
                    f"network.architecture = {self.architecture!r} cannot be called with (input_shape, outputs) = "
                    f"({input_shape}, {outputs}): {type(error).__name__}: {str(error).rstrip('.')}."
                ) from error
        if not isinstance(module, torch.nn.Module):
            raise SpecError(f"Expected {self.architecture!r} to build a torch.nn.Module, got {type(module).__name__}.")
        return module

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)` in evaluation mode, shape (...)."""
        values = self._flat.value(_tensor(theta), _tensor(data.X), _tensor(data.y), self._bound.at)
        return _like(values, theta) + (0.5 * self.ridge) * norm2(theta)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`\nabla f_i(\theta)`, shape (..., d), by automatic differentiation; of the batch if given."""
        X, y = data if batch is None else take(data, batch)
        at, turn = self._bound
        if turn is None and at is not None:  # bound buffers stay as they are
            turn = [_copied(at) for _ in range(max(theta.shape[0] if theta.ndim > 1 else 1, X.shape[0] if X.ndim > 2 else 1))]
        found = _like(self._flat.gradient(_tensor(theta), _tensor(X), _tensor(y), turn), theta)
        return found + self.ridge * theta if self.ridge else found

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        return theta - self._step() * self.gradient(data, theta, batch), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s) = s."""
        return stat

    def lift(self, theta: Array) -> Array:
        """`theta`, for T is the identity.

        Raises
        ------
        ValueError
            If theta is a scalar or not finite.
        """
        if theta.ndim == 0 or not bool(namespace(theta).all(namespace(theta).isfinite(theta))):
            raise ValueError("Expected finite theta of shape (..., d); no statistic maps to this one.")
        return theta

    def project(self, stat: Array) -> Array:
        """`stat`: every vector is a statistic."""
        return stat

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\langle\nabla f_i(\tau),\theta-\tau\rangle+\|\theta-\tau\|^2/(2\rho)`, shape (...): a majorizer only
        where rho is small enough."""
        move = theta - at
        linear = namespace(move).sum(self.gradient(data, at) * move, axis=-1)
        return self.value(data, at) + linear + norm2(move) * (0.5 / self._step())

    def _step(self) -> float:
        if self.rho is None:
            raise SpecError(
                "network has no known L, so the step rho of its surrogate is yours to choose: set rho, such as rho=0.1 "
                "(nothing certifies then that it majorises), or take a gradient method (fedavg, fedsgd)."
            )
        return self.rho

    def start(self, federation: Federation) -> Array:
        """The module's initial parameters, drawn at the address `init`, shape (d,)."""
        return as_like(self._flat.initial.double().cpu().numpy(), federation[0].X)

    def buffers(self, federation: Federation) -> Buffers | None:
        """The module's buffers as it was built: those of floating numbers are averaged, whole numbers copied."""
        flat = self._flat
        if not flat.has_state:
            return None
        averaged, copied = flat.initial_state
        return Buffers(*(as_like(x.cpu().numpy(), federation[0].X) for x in (averaged.double(), copied)))

    def bind(self, buffers: Buffers) -> Network:
        """The network in evaluation mode at these buffers; gradients work on copies of them."""
        return self._with(Bound(at=(_tensor(buffers.averaged), _tensor(buffers.copied))))

    def session(self, buffers: Buffers, clients: int | None) -> Session:
        """The network for one turn: every gradient updates the buffers of its client."""
        at = _tensor(buffers.averaged), _tensor(buffers.copied)
        turn = [_copied(at) for _ in range(clients or 1)]

        def read() -> Buffers:
            parts = [_like(part, buffers.averaged) for part in (stack(parts) for parts in zip(*turn, strict=True))]
            return Buffers(*(part if clients else part[0, ...] for part in parts))

        from torch import stack

        return Session(self._with(Bound(at, turn)), read)

    def _with(self, bound: Bound) -> Network:
        """This network, sharing what it has built, with other buffers."""
        other = copy.copy(self)
        vars(other).update(_flat=self._flat, _bound=bound)
        return other

    def module(self, theta: Array) -> Module:
        """A new ``torch.nn.Module`` with the parameters `theta` (d,), in theta's dtype and on its device, in evaluation mode.

        Raises
        ------
        DataError
            If theta is not the vector of this network's parameters.
        """
        self._check_theta(theta, leading=False)
        flat, at = copy.deepcopy(self._flat), self._bound.at
        state = None if at is None else _copied(at)
        flat.outputs(_tensor(theta).clone(), _tensor(theta).new_zeros((1, prod(flat.input_shape))), state)
        return flat.module.requires_grad_(True)

    def predict(self, theta: Array, X: Array) -> Array:
        """The likeliest class of each sample, as y gives it, shape (..., n), for `X` (n, features).

        Of a loss other than the cross-entropy: the module's answer, shape (..., n), or (..., n, outputs) for several outputs.

        Raises
        ------
        DataError
            If `theta` or `X` is not of this network's size.
        """
        self._check_theta(theta)
        X = numeric(X, "X")
        check_array(X, "X")
        if X.ndim < 2 or int(X.shape[-1]) != prod(self._flat.input_shape):
            raise DataError(
                f"network expects X with one sample of {prod(self._flat.input_shape)} numbers a row, got {tuple(X.shape)}."
            )
        outputs = self._flat.outputs(_tensor(theta), _tensor(X), self._bound.at)
        if self.loss == CROSS_ENTROPY:
            return _like(outputs.argmax(-1).to(outputs.dtype), theta)
        return _like(outputs[..., 0] if outputs.shape[-1] == 1 else outputs, theta)

    def score(self, theta: Array, data: Samples) -> Array:
        """The share of the samples whose class `predict` finds, shape (...)."""
        right = self.predict(theta, data.X) == data.y
        xp = namespace(right)
        return xp.mean(xp.astype(right, theta.dtype), axis=-1)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Network:
        """With the shapes filled in from the data.

        Raises
        ------
        DataError
            If a client's data are not dense `Samples`, or y does not hold classes.
        SpecError
            If torch is missing, the module does not take these samples or draws random numbers, or `oracles` need a rho that is
            not given.
        """
        if find_spec("torch") is None:
            raise SpecError("network needs torch, which is not installed; run pip install 'fedmm[torch]'.")
        if HasSurrogate in oracles:
            self._step()
        from fedmm.nn.settle import check_module, classes_of, width_of

        width = width_of(federation)
        shape = self.input_shape
        if shape is None:
            side = isqrt(width)
            square = self.architecture in IMAGES and side * side == width
            shape = (1, side, side) if square else (width,)
        if prod(shape) != width:
            raise SpecError(f"Expected network.input_shape of {width} numbers like a row of X, got {shape}.")
        outputs = self.outputs
        if self.loss == CROSS_ENTROPY:
            outputs = classes_of(federation, outputs)
        settled = replace(self, input_shape=shape, outputs=1 if outputs is None else outputs)
        X, y = federation[0].X[:1, ...], federation[0].y[:1, ...]
        if self.loss == CROSS_ENTROPY:
            y = y * 0 + (settled.outputs - 1)  # type: ignore[operator]  # the class that a module with too few outputs lacks
        check_module(settled._flat, _tensor(X), _tensor(y))
        return settled

    def facts(self, federation: Federation) -> Facts:
        """What is known: next to nothing, and why."""
        known = self.rho is not None
        flat = f"exact: T is the identity, so B = I/rho with rho = {self.rho}" if known else "there is no surrogate without rho"
        unknown = "unknown: a network's gradient has no Lipschitz constant that anyone can compute"
        bounded = isinstance(self.loss, str) and self.loss in LOSSES
        return Facts(
            v_min=1.0 / self.rho if self.rho else None,
            v_max=1.0 / self.rho if self.rho else None,
            unconstrained=True if known else None,
            lower_bound=0.0 if bounded else None,
            notes={
                "smoothness": unknown,
                "strong_convexity": "unknown: not convex",
                "hessian_lipschitz": unknown,
                "v_min": flat,
                "v_max": flat,
                "composite_smoothness": unknown + ", so rho is not certified",
                "field_lipschitz": unknown + ", so rho is not certified",
                "oracle_variance": "unknown: the gradients of samples are not bounded",
                "unconstrained": "exact" if known else flat,
                "optimum": "unknown: not convex",
                "lower_bound": "bound: every term is >= 0" if bounded else "unknown: the loss is the user's",
            },
        )

    def _check_theta(self, theta: Array, leading: bool = True) -> None:
        d = self._flat.initial.shape[0]
        if theta.ndim not in ((1, 2) if leading else (1,)) or int(theta.shape[-1]) != d:
            raise DataError(f"network expects theta of {d} parameters, got shape {tuple(theta.shape)}.")


def _tensor(x: Array) -> Tensor:
    """`x` as a tensor, without a copy where it is writable and its strides are those that torch knows."""
    import torch

    if is_torch(x):
        return x
    plain = to_numpy(x)
    shared = plain.flags.writeable and min(plain.strides, default=0) >= 0
    return torch.from_numpy(plain if shared else plain.copy())


def _copied(state: State) -> State:
    return state[0].clone(), state[1].clone()


def _like(x: Tensor, like: Array) -> Array:
    """A tensor in the library of `like`."""
    return x if is_torch(like) else as_like(np.asarray(x.numpy()), like)
