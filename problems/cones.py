r"""Euclidean projections onto the cones in which second moments lie.

| name | the set | of |
|---|---|---|
| `project_rotated` | :math:`\{2xy\ge\|w\|^2,\ x,y\ge0\}` | :math:`(r,\sqrt2rz,r\|z\|^2)` |
| `project_shared` | :math:`\{2xy_j\ge w_j^2\ \forall j,\ x,y\ge0\}` | :math:`(r,\sqrt2rz,(rz_j^2)_j)` |

The first is a second-order cone, turned. For the second, with x held at t the pairs (w_j, y_j) are projected onto epigraphs of
parabolas: :math:`w=W/(1+\lambda)`, :math:`y=Y+\lambda t`, and :math:`c=(1+\lambda)t` solves
:math:`c^3+(Y-t)c^2=tW^2/2`. What is left is convex in t, and its derivative

.. math:: G(t)=t-x-\sum_j\lambda_j(t)y_j(t)

is increasing; its root, or 0 where G is positive on all of t > 0, is the projection's x. Both equations are solved by
Newton's method, within brackets, to rounding.
"""

from __future__ import annotations

from fedmm.arrays import Array, namespace, norm2

__all__ = ["project_rotated", "project_shared"]


def project_rotated(x: Array, w: Array, y: Array) -> tuple[Array, Array, Array]:
    r"""The projection of (x (...), w (..., p), y (...)) onto :math:`\{2xy\ge\|w\|^2,\ x,y\ge0\}`."""
    xp = namespace(x)
    u, v = (x + y) * 0.5**0.5, (x - y) * 0.5**0.5
    radius = xp.sqrt(v * v + norm2(w))
    outer, polar = radius > u, radius <= -u
    safe = xp.where(radius > 0, radius, xp.ones_like(radius))
    height = xp.where(polar, xp.zeros_like(u), 0.5 * (u + radius))
    share = height / safe
    near_x, near_y = (height + share * v) * 0.5**0.5, (height - share * v) * 0.5**0.5
    near_x, near_y = (xp.maximum(near, xp.zeros_like(near)) for near in (near_x, near_y))
    kept = xp.where(outer, share, xp.ones_like(share))
    return xp.where(outer, near_x, x), kept[..., None] * w, xp.where(outer, near_y, y)


def project_shared(x: Array, w: Array, y: Array) -> tuple[Array, Array, Array]:
    r"""The projection of (x (...), w (..., p), y (..., p)) onto :math:`\{2xy_j\ge w_j^2,\ x,y\ge0\}`."""
    xp = namespace(x)
    slack = 1.0 - 32.0 * float(xp.finfo(x.dtype).eps)  # what was projected counts as inside
    inside = (x >= 0) & xp.all((y >= 0) & (2.0 * x[..., None] * y >= slack * w * w), axis=-1)
    if bool(xp.all(inside)):
        return x, w, y
    size = xp.sqrt(x * x + norm2(w) + norm2(y))
    size = xp.where(size > 0, size, xp.ones_like(size))
    wide = size[..., None]
    t, near_w, near_y = _onto_shared(x / size, w / wide, y / wide)
    keep = inside[..., None]
    return xp.where(inside, x, t * size), xp.where(keep, w, near_w * wide), xp.where(keep, y, near_y * wide)


def _onto_shared(x: Array, w: Array, y: Array) -> tuple[Array, Array, Array]:
    """The projection of points of length 1 (so that x <= 1 after it, too), found by the root of G."""
    xp = namespace(x)
    eps, tiny = float(xp.finfo(x.dtype).eps), float(xp.finfo(x.dtype).smallest_normal) ** 0.25
    low, high, t = xp.full_like(x, tiny), xp.ones_like(x), xp.clip(x, 0.5, None)
    for _ in range(100):
        slope, rise = _derivative(t, x, w, y)
        low, high = xp.where(slope < 0, t, low), xp.where(slope < 0, high, t)
        newton, middle = t - slope / rise, xp.sqrt(low * high)
        sized = high <= 4.0 * low  # G is like -t^(-1/2) at 0: first find the size of t
        new = xp.where(sized & (newton > low) & (newton < high), newton, middle)
        done = (sized & (xp.abs(newton - t) <= 4.0 * eps * t)) | (high - low <= 4.0 * eps * low)
        t = xp.where(done, t, new)
        if bool(xp.all(done)):
            break
    apex = (t <= 2.0 * tiny)[..., None]
    grow, raised = _onto_parabolas(t, w, y)
    flat = xp.where(apex, xp.zeros_like(w), w / (1.0 + grow))
    return t, flat, xp.clip(xp.where(apex, y, raised), 0.0, None)


def _onto_parabolas(t: Array, w: Array, y: Array) -> tuple[Array, Array]:
    r""":math:`\lambda_j(t)\ge0` and :math:`y_j=Y_j+\lambda_jt=tW_j^2/(2c_j^2)`, (..., p), for t > 0."""
    xp = namespace(t)
    t = t[..., None]
    half, k, eps = 0.5 * t * w * w, y - t, float(xp.finfo(t.dtype).eps)
    size = xp.where(k == 0, xp.ones_like(k), xp.abs(k))
    root = half ** (1.0 / 3.0)
    above = xp.where(k > 0, xp.minimum(root, xp.sqrt(half / size)), -k + xp.minimum(root, half / size / size))
    above = xp.where(k == 0, root, above)
    c = xp.maximum(above, t)  # the function is convex and increasing from its root on: Newton's steps go down to it
    for _ in range(50):
        fall = (c * c * (c + k) - half) / (c * (3.0 * c + 2.0 * k))
        new = xp.maximum(c - fall, t)
        if bool(xp.all(xp.abs(new - c) <= eps * c)):
            break
        c = new
    violated = (2.0 * t * y < w * w) | (y < 0)
    return xp.where(violated, (c - t) / t, xp.zeros_like(c)), xp.where(violated, half / (c * c), y)


def _derivative(t: Array, x: Array, w: Array, y: Array) -> tuple[Array, Array]:
    """G(t) and G'(t)."""
    xp = namespace(t)
    (grow, raised), wide = _onto_parabolas(t, w, y), t[..., None]
    share = 1.0 / (1.0 + grow)
    bend = (raised + grow * wide) ** 2 / (w * w * share**3 + wide * wide)
    change = xp.where(grow > 0, grow * grow - bend, xp.zeros_like(grow))
    return t - x - xp.sum(grow * raised, axis=-1), 1.0 - xp.clip(xp.sum(change, axis=-1), None, 0.0)  # F is convex: G' >= 1
