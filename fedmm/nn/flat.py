r"""A ``torch.nn.Module`` as a function of one flat vector.

The vector holds the module's trainable parameters one after another, each in row order, as
``torch.nn.utils.parameters_to_vector`` lays them out. For one client the module's own parameters are made to look at slices of
the vector, which costs a microsecond each; ``torch.func.functional_call`` costs seven per cent of a small network's step. Weights
that the builder laid out with channels last keep that layout (and inputs take it): oneDNN is a quarter faster so.

| argument | meaning |
|---|---|
| theta | the parameters, a tensor (d,) or (c, d) |
| X | samples, a tensor (n, features) or (c, n, features) |
| y | targets, a tensor (n,) or (c, n) |
| state | the module's buffers (running means of batch normalisation, ...), flat |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["Flat", "State"]

State: TypeAlias = "tuple[Tensor, Tensor]"
"""The module's buffers: floating ones (b,), and whole numbers (k,)."""


class Flat:
    """A module with a loss, as functions of flat tensors. The module given belongs to it from then on.

    Parameters
    ----------
    module : torch.nn.Module
        From (n, \\*input_shape) to outputs (n, ...).
    loss : callable
        (outputs, y) to the mean loss, a scalar tensor.
    input_shape : tuple of int
        What a row of X is reshaped to.
    """

    def __init__(self, module: Module, loss: Callable[[Tensor, Tensor], Tensor], input_shape: tuple[int, ...]) -> None:
        import torch

        self.module, self.loss, self.input_shape = module, loss, input_shape
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.sizes = [p.numel() for p in self.parameters]
        self.shapes = [p.shape for p in self.parameters]
        self.channels_last = [
            p.ndim == 4 and p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in self.parameters
        ]
        self.images_last = any(self.channels_last)
        self.initial = torch.cat([torch.empty(0), *(p.detach().reshape(-1) for p in self.parameters)])
        self._find_buffers()
        self.initial_state: State = (
            torch.cat([torch.empty(0), *(b.detach().reshape(-1) for b in self.averaged)]),
            torch.cat([torch.empty(0, dtype=torch.int64), *(b.detach().reshape(-1) for b in self.copied)]),
        )
        self._placed = self.initial

    def _find_buffers(self) -> None:
        import torch

        self.averaged = [b for b in self.module.buffers() if b.is_floating_point()]
        self.copied = [b for b in self.module.buffers() if b.dtype == torch.int64]

    @property
    def has_state(self) -> bool:
        """Whether the module keeps numbers beside its parameters."""
        return bool(self.averaged or self.copied)

    def gradient(self, theta: Tensor, X: Tensor, y: Tensor, states: list[State] | None = None) -> Tensor:
        """The gradient of the mean loss, shape (..., d): one client after another on a CPU, by ``torch.func.vmap`` elsewhere.

        `states` are the buffers of each client, one of them where there is no leading axis; they are updated in place. None: the
        initial ones, which stay as they are.
        """
        if theta.ndim == 1 and X.ndim == 2:
            return self._gradient(theta, X, y, states[0] if states else None)
        if theta.device.type != "cpu" and not self.has_state:
            return self.vmapped(theta, X, y)
        import torch

        rows = _rows(theta, X, y)
        return torch.stack([self._gradient(*row, states[k] if states else None) for k, row in enumerate(rows)])

    def _gradient(self, theta: Tensor, X: Tensor, y: Tensor, state: State | None) -> Tensor:
        import torch

        self._load(theta)
        if self.has_state:
            self._load_state(state or self.fresh(theta))
        if not self.module.training:  # walking a module costs more than some layers
            self.module.train()
        try:
            loss = self.loss(self.module(self._shaped(X)), y)
        except ValueError as error:
            if not self.has_state:
                raise
            raise ArithmeticError(str(error)) from error  # what batch normalisation says of a batch of one sample
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        return torch.cat([part.reshape(-1) for part in found])

    def fresh(self, theta: Tensor) -> State:
        """A copy of the initial buffers, in the dtype and on the device of `theta`."""
        averaged, copied = self.initial_state
        return averaged.clone().to(theta), copied.clone().to(theta.device)

    def vmapped(self, theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
        """The same for a block at once, on any device."""
        import torch
        from torch.func import functional_call, grad, vmap

        self._place(theta)
        self.module.train()

        def loss(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
            parts = {name: part for name, part in zip(self.names, self._parts(theta), strict=True)}
            return self.loss(functional_call(self.module, parts, (X.reshape(-1, *self.input_shape),)), y)

        axes = 0 if theta.ndim > 1 else None, 0 if X.ndim > 2 else None, 0 if y.ndim > 1 else None
        with torch.enable_grad():
            return vmap(grad(loss), in_dims=axes)(theta, X, y)

    def value(self, theta: Tensor, X: Tensor, y: Tensor, state: State | None = None) -> Tensor:
        """The mean loss in evaluation mode with these buffers (None: the initial ones), shape (...)."""
        import torch

        with torch.no_grad():
            if theta.ndim == 1 and X.ndim == 2:
                return self.loss(self._outputs(theta, X, state), y)
            return torch.stack([self.loss(self._outputs(t, x, state), target) for t, x, target in _rows(theta, X, y)])

    def outputs(self, theta: Tensor, X: Tensor, state: State | None = None) -> Tensor:
        """What the module answers in evaluation mode with these buffers, shape (..., n, ...)."""
        import torch

        with torch.no_grad():
            if theta.ndim == 1 and X.ndim == 2:
                return self._outputs(theta, X, state)
            return torch.stack([self._outputs(t, x, state) for t, x, _ in _rows(theta, X, X)])

    def _outputs(self, theta: Tensor, X: Tensor, state: State | None) -> Tensor:
        self._load(theta)
        if self.has_state:
            self._load_state(state or self.fresh(theta))
        if self.module.training:
            self.module.eval()
        return self.module(self._shaped(X))

    def _load(self, theta: Tensor) -> None:
        """Make the module's parameters look at `theta`."""
        import torch

        self._place(theta)
        for p, part, last in zip(self.parameters, self._parts(theta), self.channels_last, strict=True):
            p.data = part.contiguous(memory_format=torch.channels_last) if last else part

    def _load_state(self, state: State) -> None:
        """Make the module's buffers look at `state`, so that what the module writes is written there."""
        for buffers, flat in zip((self.averaged, self.copied), state, strict=True):
            for b, part in zip(buffers, flat.split([b.numel() for b in buffers]), strict=True):
                b.data = part.view(b.shape)

    def _place(self, theta: Tensor) -> None:
        """Bring what is not trained (frozen parameters) to the device and dtype of `theta`."""
        if theta.device != self._placed.device or theta.dtype != self._placed.dtype:
            self.module.to(device=theta.device, dtype=theta.dtype)  # keeps the parameters, makes new buffers
            self._find_buffers()
            self._placed = theta.new_empty(0)

    def _parts(self, theta: Tensor) -> list[Tensor]:
        return [part.view(shape) for part, shape in zip(theta.split(self.sizes), self.shapes, strict=True)]

    def _shaped(self, X: Tensor) -> Tensor:
        import torch

        X = X.reshape(-1, *self.input_shape)
        # `to` and not `contiguous`: with one channel both layouts hold, and only `to` makes the strides say channels last
        return X.to(memory_format=torch.channels_last) if self.images_last else X


def _rows(theta: Tensor, X: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(theta, X, y) of every row of the leading axis, which theta, the data, or both have."""
    c = theta.shape[0] if theta.ndim > 1 else X.shape[0]
    thetas = theta if theta.ndim > 1 else [theta] * c
    return list(zip(thetas, X if X.ndim > 2 else [X] * c, y if X.ndim > 2 else [y] * c, strict=True))
