"""DQN on CartPole in stable-baselines3 and its update alone in PyTorch, one JSON line each.

usage: dqn_bench.py [--threads N] [--steps S] [--seed S] [update|run ...]
Needs `torch`; for `run` stable-baselines3 and gymnasium. Hyper-parameters are rl-baselines3-zoo's, as
`DqnOptions::cart_pole()` has them.
"""
import argparse, copy, json, statistics, time
import torch
import torch.nn as nn
import torch.nn.functional as F


def network():
    return nn.Sequential(nn.Linear(4, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(),
                         nn.Linear(256, 2))


def update(_):
    """From the draw of places to updated weights: batch 64, Huber, clipping, Adam, as SB3 does."""
    import numpy as np
    online = network()
    target = copy.deepcopy(online).requires_grad_(False)
    optimizer = torch.optim.Adam(online.parameters(), 2.3e-3)
    size, rng = 50_000, np.random.default_rng(0)
    seen = rng.standard_normal((size, 4), dtype=np.float32)
    following = rng.standard_normal((size, 4), dtype=np.float32)
    actions = rng.integers(0, 2, (size, 1))
    rewards = np.ones((size, 1), dtype=np.float32)
    dones = (rng.random((size, 1)) < 0.01).astype(np.float32)

    def run():
        places = rng.integers(0, size, 64)
        x, y, a, r, d = (torch.tensor(v[places])
                         for v in (seen, following, actions, rewards, dones))
        with torch.no_grad():
            goal = r + (1 - d) * 0.99 * target(y).max(1, keepdim=True).values
        loss = F.smooth_l1_loss(online(x).gather(1, a), goal)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()

    for _ in range(50):
        run()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < 3:
        now = time.perf_counter()
        run()
        times.append((time.perf_counter() - now) * 1e6)
    return {"median_us": statistics.median(times), "least_us": min(times), "runs": len(times)}


def run(args):
    import gymnasium
    from stable_baselines3 import DQN
    env = gymnasium.make("CartPole-v1")
    model = DQN("MlpPolicy", env, learning_rate=2.3e-3, batch_size=64, buffer_size=100_000,
                learning_starts=1000, gamma=0.99, target_update_interval=10, train_freq=256,
                gradient_steps=128, exploration_fraction=8000 / args.steps,
                exploration_final_eps=0.04, policy_kwargs=dict(net_arch=[256, 256]),
                seed=args.seed, device="cpu")
    begin = time.perf_counter()
    model.learn(args.steps)
    seconds = time.perf_counter() - begin
    return {"steps": args.steps, "updates": model._n_updates, "seconds": seconds,
            "steps_per_second": args.steps / seconds}


parser = argparse.ArgumentParser()
parser.add_argument("what", nargs="*", default=["update", "run"])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--steps", type=int, default=50_000)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(args.threads)
for what in args.what:
    result = {"update": update, "run": run}[what](args)
    print(json.dumps({"peer": "torch" if what == "update" else "sb3", "what": what,
                      "threads": args.threads} | result), flush=True)
