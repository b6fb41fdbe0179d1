"""What PyTorch computes for optimizers and schedules beside the common cases: writes optim/optimizer.json,
optim/optimizer.safetensors, optim_runs/lbfgs.json, optim_runs/schedules.json and optim_runs/restarts.json.

Run with PyTorch and safetensors installed: `python optim.py`. The same seed gives the same files.
Lion and LAMB, which PyTorch lacks, are computed here from the formulas of their papers. Muon runs
PyTorch's own source with its bfloat16 replaced by float64. Scalars of states are float64, too.
"""

import inspect
import json
import math
import pathlib

import torch
from safetensors.torch import save_file
from torch.optim import _muon
from torch.optim import lr_scheduler as S
from torch.optim.swa_utils import SWALR

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
HERE = pathlib.Path(__file__).parent / "optim"
RUNS = pathlib.Path(__file__).parent / "optim_runs"


class Lion(torch.optim.Optimizer):
    """arXiv:2302.06675, algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                u = (b1 * m + (1 - b1) * p.grad).sign() + group["weight_decay"] * p
                p -= group["lr"] * u
                m.copy_(b2 * m + (1 - b2) * p.grad)


class Lamb(torch.optim.Optimizer):
    """arXiv:1904.00962, algorithm 2."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=1e-2):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                s["t"] += 1
                s["m"] = b1 * s["m"] + (1 - b1) * p.grad
                s["v"] = b2 * s["v"] + (1 - b2) * p.grad**2
                m, v = s["m"] / (1 - b1 ** s["t"]), s["v"] / (1 - b2 ** s["t"])
                u = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                norms = p.norm(), u.norm()
                ratio = norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1.0
                p -= group["lr"] * ratio * u


source = inspect.getsource(_muon._zeropower_via_newtonschulz).replace("bfloat16", "float64")
exec(source, _muon.__dict__)

T = torch.optim
MATRICES = [(3, 4), (5, 2)]
VECTORS = [(3, 4), (5,)]
OPTIMIZERS = [
    ("asgd", T.ASGD, VECTORS, [dict(), dict(lr=0.1, lambd=0.05, alpha=0.6, t0=3.0, weight_decay=0.02), dict(maximize=True)]),
    ("nadam", T.NAdam, VECTORS, [dict(lr=0.01, weight_decay=0.1, momentum_decay=0.05),
                                 dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True, betas=(0.8, 0.99))]),
    ("radam", T.RAdam, VECTORS, [dict(lr=0.01, weight_decay=0.1), dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
                                 dict(lr=0.1, betas=(0.8, 0.9), eps=1e-4)]),
    ("rprop", T.Rprop, VECTORS, [dict(lr=0.1, etas=(0.3, 2.0), step_sizes=(0.01, 0.2)), dict(maximize=True)]),
    ("adamax", T.Adamax, VECTORS, [dict(lr=0.05, betas=(0.7, 0.9), eps=1e-3, weight_decay=0.1)]),
    ("adagrad", T.Adagrad, VECTORS, [dict(lr=0.1, maximize=True, eps=1e-3)]),
    ("adadelta", T.Adadelta, VECTORS, [dict(eps=1e-3, maximize=True)]),
    ("rmsprop", T.RMSprop, VECTORS, [dict(centered=True, alpha=0.8), dict(momentum=0.9, maximize=True, eps=1e-3)]),
    ("lion", Lion, VECTORS, [dict(), dict(lr=0.01, betas=(0.8, 0.6), weight_decay=0.3)]),
    ("lamb", Lamb, VECTORS, [dict(), dict(lr=0.1, betas=(0.8, 0.9), weight_decay=0.0, eps=1e-3)]),
    ("muon", T.Muon, MATRICES, [dict(), dict(lr=0.1, nesterov=False, momentum=0.8, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
                                dict(lr=0.1, ns_coefficients=(2.0, -1.5, 0.5), ns_steps=3, adjust_lr_fn="spectral_unclamped")]),
    ("adam", T.Adam, VECTORS, [dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
                               dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True, amsgrad=True, maximize=True)]),
]
STEPS = 12


def optimizers():
    cases, tensors = [], {}
    for name, make, shapes, variants in OPTIMIZERS:
        for options in variants:
            case = f"{name}-{len(cases):02d}"
            inputs = {f"p{i}": torch.randn(s).float() for i, s in enumerate(shapes)}
            inputs.update({f"g{t}_p{i}": torch.randn(s).float() for t in range(STEPS) for i, s in enumerate(shapes)})
            params = [inputs[f"p{i}"].double().requires_grad_() for i in range(len(shapes))]
            optimizer, outputs = make(params, **options), {}
            for t in range(STEPS):
                for i, p in enumerate(params):
                    p.grad = inputs[f"g{t}_p{i}"].double()
                optimizer.step()
                outputs.update({f"step{t}_p{i}": p.detach().clone() for i, p in enumerate(params)})
            for part, values in (("in", inputs), ("out", outputs)):
                tensors.update({f"{case}/{part}/{k}": v for k, v in values.items()})
            attrs = {**options, "steps": STEPS}
            cases.append(dict(name=case, op=name, attrs=attrs, inputs=list(inputs), outputs=list(outputs), grads=[], rtol=2e-4, atol=2e-5))
    write(HERE / "optimizer.json", cases)
    save_file(tensors, HERE / "optimizer.safetensors")


def write(file, rows):
    file.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


PROBLEMS = {
    "rosenbrock": ([-1.2, 1.0, 0.5, -0.7], lambda x: ((1 - x[:-1]) ** 2 + 20 * (x[1:] - x[:-1] ** 2) ** 2).sum()),
    "quartic": ([2.0, -3.0, 1.5], lambda x: (x**4 + torch.tensor([1.0, 10.0, 100.0]) * (x - 1) ** 2).sum()),
}


def lbfgs():
    rows = []
    for problem, (start, loss) in PROBLEMS.items():
        for options in (dict(lr=0.01), dict(lr=0.002, max_iter=7, history_size=3), dict(line_search_fn="strong_wolfe"),
                        dict(line_search_fn="strong_wolfe", max_iter=4, history_size=2, lr=0.5), dict(line_search_fn="strong_wolfe", max_iter=9, max_eval=10)):
            x = torch.tensor(start, requires_grad=True)
            optimizer = T.LBFGS([x], **options)

            def closure():
                optimizer.zero_grad()
                value = loss(x)
                value.backward()
                return value

            points, losses = [], []
            for _ in range(4):
                losses.append(float(optimizer.step(closure)))
                points.append(x.detach().tolist())
            state = optimizer.state[x]
            rows.append(dict(problem=problem, options=options, losses=losses, points=points,
                             n_iter=state["n_iter"], func_evals=state["func_evals"]))
    write(RUNS / "lbfgs.json", rows)


SCHEDULES = {
    "lambda": lambda q: S.LambdaLR(q, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "multiplicative": lambda q: S.MultiplicativeLR(q, lambda t: 0.8 if t % 3 else 1.1),
    "step": lambda q: S.StepLR(q, 4, 0.3),
    "multi_step_twice": lambda q: S.MultiStepLR(q, [3, 7, 3], 0.5),
    "linear_down": lambda q: S.LinearLR(q, 1.0, 0.25, 7),
    "polynomial": lambda q: S.PolynomialLR(q, 11, 0.5),
    "cosine_twice": lambda q: S.CosineAnnealingLR(q, 6, 0.003),
    "warm_restarts": lambda q: S.CosineAnnealingWarmRestarts(q, 3, 1, 0.001),
    "one_cycle_momentum": lambda q: S.OneCycleLR(q, [1.0, 0.5], total_steps=24),
    "one_cycle_three_phase": lambda q: S.OneCycleLR(q, 1.0, total_steps=24, three_phase=True, anneal_strategy="linear", pct_start=0.4),
    "cyclic_momentum": lambda q: S.CyclicLR(q, [0.01, 0.02], 0.5, 3, 5),
    "cyclic_triangular2": lambda q: S.CyclicLR(q, 0.01, 0.5, 4, mode="triangular2", cycle_momentum=False),
    "cyclic_exp_range": lambda q: S.CyclicLR(q, 0.01, 0.5, 4, mode="exp_range", gamma=0.95, cycle_momentum=False),
    "cyclic_scale_fn": lambda q: S.CyclicLR(q, 0.01, 0.5, 3, scale_fn=lambda x: 1 / (5 + x), scale_mode="iterations", cycle_momentum=False),
    "swa_cos": lambda q: SWALR(q, [0.05, 0.02], anneal_epochs=8),
    "swa_linear": lambda q: SWALR(q, 0.05, anneal_epochs=5, anneal_strategy="linear"),
    "swa_at_once": lambda q: SWALR(q, 0.05, anneal_epochs=0),
    "chained": lambda q: S.ChainedScheduler([S.ConstantLR(q, 0.1, 4), S.ExponentialLR(q, 0.9), S.CosineAnnealingLR(q, 9, 0.001)]),
    "sequential": lambda q: S.SequentialLR(q, [S.LinearLR(q, 0.1, 1.0, 5), S.CosineAnnealingLR(q, 8, 0.01), S.ExponentialLR(q, 0.8)], [5, 15]),
    "sequential_multiplicative": lambda q: S.SequentialLR(q, [S.ExponentialLR(q, 0.9), S.MultiplicativeLR(q, lambda t: 0.7), S.CosineAnnealingWarmRestarts(q, 4, 2)], [4, 9]),
    "sequential_one_part_at_once": lambda q: S.SequentialLR(q, [S.ConstantLR(q, 0.5, 3), S.StepLR(q, 2, 0.5)], [0]),
}
METRICS = [1.0, 0.9, 0.95, 0.91, 0.9, 0.89999, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.7, 0.69, 0.69, 0.69, 0.69, 0.69, 0.69, 0.69]
PLATEAUS = [dict(), dict(patience=1), dict(patience=1, mode="max", threshold_mode="abs", threshold=0.02), dict(patience=0, factor=0.5, cooldown=2, min_lr=[0.05, 0.2]),
            dict(patience=2, threshold=0.0, factor=0.9, eps=0.02)]


def two_groups(momentum):
    p = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [dict(params=[p[0]], lr=0.4), dict(params=[p[1]], lr=0.1)]
    return T.SGD(groups, lr=1.0, momentum=0.9) if momentum == "momentum" else T.Adam(groups, lr=1.0)


def schedules():
    rows = []
    for name, make in SCHEDULES.items():
        for momentum in ("momentum", "beta1"):
            q = two_groups(momentum)
            s, rates, momenta = make(q), [], []
            for t in range(24):
                rates.append([float(g["lr"]) for g in q.param_groups])
                momenta.append([float(g["momentum"] if momentum == "momentum" else g["betas"][0]) for g in q.param_groups])
                q.step()
                s.step() if t < 23 else None
            rows.append(dict(schedule=name, momentum=momentum, rates=rates, momenta=momenta))
    for options in PLATEAUS:
        q = two_groups("momentum")
        s, rates = S.ReduceLROnPlateau(q, **options), []
        for metric in METRICS:
            s.step(metric)
            rates.append([float(g["lr"]) for g in q.param_groups])
        rows.append(dict(schedule="plateau", options=options, metrics=METRICS, rates=rates, momenta=[], momentum="momentum"))
    write(RUNS / "schedules.json", rows)


def restarts():
    """Warm restarts between epochs: times as batches give them, then whole steps from the last one."""
    rows = []
    for t_0, t_mult, eta_min in ((3, 1, 0.001), (2, 2, 0.0), (1, 3, 0.01)):
        q = two_groups("momentum")
        s = S.CosineAnnealingWarmRestarts(q, t_0, t_mult, eta_min)
        times = [epoch + batch / 4 for epoch in range(7) for batch in range(4)] + [1.3, 11.9, 5.625, None, None, None, 0.0, None, 2.5]
        rates = []
        for time in times:
            q.step()
            s.step(time)
            rates.append([float(g["lr"]) for g in q.param_groups])
        rows.append(dict(t_0=t_0, t_mult=t_mult, eta_min=eta_min, times=times, rates=rates))
    write(RUNS / "restarts.json", rows)


optimizers()
lbfgs()
schedules()
restarts()
