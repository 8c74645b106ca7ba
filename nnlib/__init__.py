"""nnlib: backpropagation in numpy, written to be read.

Reading order, one idea a module:

    activations   a function beside its slope
    loss          half the mean squared error beside its slope
    chain         the chain rule on plain numbers
    network       the shape, the parameters, the forward pass
    backprop      the chain rule, from the loss back to every weight
    trace         both passes again, one operation at a time
    sabotage      wrong backward passes, to see what each factor is good for
    optimizers    how a gradient becomes a step
    descent       the path that many steps make
    landscape     the loss over two weights
    planes        the loss over any plane through the parameters
    curvature     how the slope changes, and how large a learning rate may be
    datasets      something to learn
    diagnosis     what passes through the layers, and why a descent came to rest

The engine behind descent, landscape and planes, for those who want to see how numpy gets fast; each function there has
a plain twin among the lessons that tests compare it with:

    grid           two weights and the values they take, checked once
    scratch        memory that is reused
    fast_sigmoid   many sigmoids at once
    fast_surface   each value once for every combination of grid weights that it depends on
    fast_terraces  each terrace of a network with steps once, to the last bit
    fast_planes    the same for planes and for grids of inputs
    fast_descent   many steps and many runs in few calls
    plain_steps    one step at a time, with the formulas as a reader writes them

Symbols: X inputs, Y targets, W1 .. WL weights, b1 .. bL biases, H_in and H_out what enters and leaves the hidden
layer's activation, O_in and O_out the same for the output layer (H1_in, H2_in ... in deeper networks), z and a for
either in general. dv is the gradient of the loss with respect to v, and has v's shape.

Shape letters: N samples, D inputs, H hidden units, K outputs, `...` leading axes. Leading axes are many networks: a
run of a sweep, a step of a path, a point of a grid. Parameters and passes are values that nothing changes.
"""

from nnlib import chain
from nnlib._types import Array
from nnlib.activations import ACTIVATIONS, Activation, SigmoidForm, get_activation, sigmoid, step
from nnlib.backprop import BackwardPass, GradientCheck, backward, check_gradients, numerical_gradient
from nnlib.curvature import Curvature, curvature, hessian
from nnlib.datasets import DATASETS, Dataset, load_dataset, split
from nnlib.descent import RECORD_LIMIT, Trajectory, descend, descend_plain
from nnlib.diagnosis import ENDINGS, SIGMOID_BOUND, SlopeProducts, endings, layer_sizes, slope_products
from nnlib.landscape import (
    Plateaus,
    decision_grid,
    gradient_field,
    loss_surface,
    loss_surface_plain,
    loss_surfaces,
    plateaus,
)
from nnlib.loss import accuracy, confusion, mse, mse_slope
from nnlib.network import SCHEMES, ForwardPass, Network, Params, WeightRef, forward, init_params
from nnlib.optimizers import OPTIMIZERS, Adam, GradientDescent, Momentum, Nesterov, Optimizer, RMSProp
from nnlib.planes import Plane, plane_surface, random_plane, trajectory_plane
from nnlib.trace import MicroStep, WeightProduct, trace, weight_product

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "ENDINGS",
    "OPTIMIZERS",
    "RECORD_LIMIT",
    "SCHEMES",
    "SIGMOID_BOUND",
    "Activation",
    "Adam",
    "Array",
    "BackwardPass",
    "Curvature",
    "Dataset",
    "ForwardPass",
    "GradientCheck",
    "GradientDescent",
    "MicroStep",
    "Momentum",
    "Nesterov",
    "Network",
    "Optimizer",
    "Params",
    "Plane",
    "Plateaus",
    "RMSProp",
    "SigmoidForm",
    "SlopeProducts",
    "Trajectory",
    "WeightProduct",
    "WeightRef",
    "accuracy",
    "backward",
    "chain",
    "check_gradients",
    "confusion",
    "curvature",
    "decision_grid",
    "descend",
    "descend_plain",
    "endings",
    "forward",
    "get_activation",
    "gradient_field",
    "hessian",
    "init_params",
    "layer_sizes",
    "load_dataset",
    "loss_surface",
    "loss_surface_plain",
    "loss_surfaces",
    "mse",
    "mse_slope",
    "numerical_gradient",
    "plane_surface",
    "plateaus",
    "random_plane",
    "sigmoid",
    "slope_products",
    "split",
    "step",
    "trace",
    "trajectory_plane",
    "weight_product",
]
