"""The same workloads in PyTorch on the CPU, one JSON line each.

usage: torch_bench.py [--threads N] [--seconds S] [WORKLOAD ...]
Needs `torch`; for fashion_epoch the IDX files of Fashion-MNIST in --data; for the workloads called
`aug..` torchvision.
"""
import argparse, gzip, json, time
import torch
import torch.nn as nn
import torch.nn.functional as F

LARGE = 1 << 24


def mlp(sizes):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += ([nn.ReLU()] if i else []) + [nn.Linear(a, b)]
    return nn.Sequential(*layers)


def mlp_step(sizes):
    model, x = mlp(sizes), torch.rand(64, sizes[0])
    y = torch.arange(64) % 10
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def run():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    return run


def matmul(n):
    a, b = torch.rand(n, n), torch.rand(n, n)
    return lambda: a @ b


def pointwise():
    x = torch.rand(LARGE)
    return lambda: F.gelu(2 * x + 1) * torch.sigmoid(x)


def softmax():
    x = torch.rand(4096, 1024)
    return lambda: torch.softmax(x, 1)


def pooled(pool):
    x, g = torch.rand(64, 32, 28, 28, requires_grad=True), torch.rand(64, 32, 14, 14)

    def run():
        x.grad = None
        (pool(x, 2) * g).sum().backward()
    return run


def total():
    x = torch.rand(LARGE)
    return lambda: x.sum().item()


def dqn_tiny():
    model = mlp([16, 64, 64, 96, 96, 64, 64, 4])
    state = F.one_hot(torch.tensor([3]), 16).float()
    target = torch.rand(1, 4)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)

    def run():
        optimizer.zero_grad()
        loss = F.mse_loss(model(state), target)
        loss.backward()
        optimizer.step()
        loss.item()
    return run


def conv(backward):
    x = torch.rand(16, 64, 56, 56, requires_grad=backward)
    w = torch.rand(64, 64, 3, 3, requires_grad=backward)

    def run():
        y = F.conv2d(x, w, padding=1)
        if backward:
            torch.autograd.grad(y.sum(), [x, w])
    return run


def cnn():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = torch.rand(64, 1, 28, 28), torch.arange(64) % 10
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def run():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    return run


def fashion_epoch(folder):
    def idx(name, offset):
        with gzip.open(f"{folder}/{name}.gz") as f:
            return torch.frombuffer(bytearray(f.read()[offset:]), dtype=torch.uint8)
    x = idx("train-images-idx3-ubyte", 16).reshape(-1, 784)
    y = idx("train-labels-idx1-ubyte", 8).long()
    model = mlp([784, 100, 30, 10])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def run():
        order = torch.randperm(len(x))
        for i in range(0, len(x), 64):
            index = order[i:i + 64]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[index].float() / 255), y[index])
            loss.backward()
            optimizer.step()
        loss.item()
    return run


def loader(folder):
    """An epoch of a DataLoader without workers over a TensorDataset, bytes to normalised floats."""
    def idx(name, offset):
        with gzip.open(f"{folder}/{name}.gz") as f:
            return torch.frombuffer(bytearray(f.read()[offset:]), dtype=torch.uint8)
    x = idx("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    y = idx("train-labels-idx1-ubyte", 8).long()
    data = torch.utils.data.TensorDataset(x, y)
    batches = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)

    def run():
        samples = 0
        for x, y in batches:
            x = x.float().div_(255).sub_(0.2860).div_(0.3530)
            samples += len(x)
        assert samples == 60000
    return run


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("workloads", nargs="*")
    ap.add_argument("--threads", type=int, default=torch.get_num_threads())
    ap.add_argument("--seconds", type=float, default=2.0)
    ap.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    table = dict(
        mlp_small=lambda: mlp_step([784, 100, 30, 10]), mlp_wide=lambda: mlp_step([784, 512, 512, 10]),
        matmul1024=lambda: matmul(1024), matmul2048=lambda: matmul(2048), pointwise=pointwise,
        softmax=softmax, sum=total, max_pool=lambda: pooled(F.max_pool2d), avg_pool=lambda: pooled(F.avg_pool2d),
        conv_fwd=lambda: conv(False), conv_fwdbwd=lambda: conv(True), cnn=cnn, dqn_tiny=dqn_tiny,
        loader=lambda: loader(a.data), fashion_epoch=lambda: fashion_epoch(a.data))
    # Ours captures the step there; PyTorch's has no counterpart on the CPU.
    for name in ["mlp_small", "mlp_wide", "cnn", "dqn_tiny", "fashion_epoch"]:
        table[name + "_captured"] = table[name]
    if not a.workloads or any(name.startswith("aug") for name in a.workloads):
        import torchvision_bench
        table.update(torchvision_bench.TABLE)
    for name, make in table.items():
        if a.workloads and name not in a.workloads:
            continue
        run = make()
        most = 5 if name.startswith("fashion_epoch") or name == "loader" else 2000
        for _ in range(min(3, most)):
            run()
        times, start = [], time.perf_counter()
        while len(times) < min(5, most) or (time.perf_counter() - start < a.seconds and len(times) < most):
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
        times.sort()
        print(json.dumps(dict(workload=name, device="cpu", peer="torch " + torch.__version__,
                              ms_median=round(times[len(times) // 2], 4), ms_min=round(times[0], 4),
                              ms_max=round(times[-1], 4), runs=len(times))), flush=True)


if __name__ == "__main__":
    main()
