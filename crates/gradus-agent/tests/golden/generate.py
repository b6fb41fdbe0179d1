"""Traces of Gymnasium's environments, to be replayed by `tests/all/golden.rs`.

    python -m venv env && env/bin/pip install gymnasium==1.4.0 numpy==2.4.6
    env/bin/python generate.py traces.npz

Every trace: `reset(seed)`, then actions drawn from another generator; when an episode ends,
`reset()` without a seed, so that the stream of random numbers goes on. Each case of a kind and
options has the arrays `seed`, `actions`, `observations` (the one of a reset follows the last of an
episode), `rewards` and `flags` (1 terminated, 2 truncated); those with a table of transitions also
`table`: rows of state, action, probability, next state, reward, terminated.
"""

import sys
import warnings

import gymnasium as gym
import numpy as np
from gymnasium.envs.toy_text.frozen_lake import generate_random_map
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.wrappers import DiscretizeAction

warnings.filterwarnings("ignore")
gym.logger.min_level = gym.logger.ERROR

STEPS = 600
SEEDS = (0, 7, 123456789012)


def lake(rows):
    return {"desc": rows}


CASES = {
    "frozen_lake": lambda: gym.make("FrozenLake-v1"),
    "frozen_lake_8x8": lambda: gym.make("FrozenLake-v1", map_name="8x8", max_episode_steps=200),
    "frozen_lake_dry": lambda: gym.make("FrozenLake-v1", is_slippery=False),
    "frozen_lake_options": lambda: gym.make(
        "FrozenLake-v1",
        desc=["SFHF", "FFFS", "HFFG"],
        success_rate=0.7,
        reward_schedule=(10, -3, -1),
    ),
    "cliff": lambda: gym.make("CliffWalking-v1", max_episode_steps=100),
    "cliff_slippery": lambda: gym.make(
        "CliffWalking-v1", is_slippery=True, max_episode_steps=100
    ),
    "taxi": lambda: gym.make("Taxi-v4"),
    "taxi_rainy": lambda: gym.make("Taxi-v4", is_rainy=True),
    "taxi_fickle": lambda: gym.make(
        "Taxi-v4", is_rainy=True, fickle_passenger=True, rainy_probability=0.6, fickle_probability=0.9
    ),
    "blackjack": lambda: gym.make("Blackjack-v1"),
    "blackjack_natural": lambda: gym.make("Blackjack-v1", sab=False, natural=True),
    "cart_pole": lambda: gym.make("CartPole-v1"),
    "cart_pole_book": lambda: gym.make("CartPole-v1", sutton_barto_reward=True),
    "mountain_car": lambda: gym.make("MountainCar-v0"),
    "acrobot": lambda: gym.make("Acrobot-v1"),
    "pendulum": lambda: DiscretizeAction(gym.make("Pendulum-v1"), 7),
}


def taxi_action(env, draws):
    """Mostly sensible, so that passengers are fetched and brought."""
    mask = env.unwrapped.action_mask(env.unwrapped.s).astype(bool)
    if mask[4]:
        return 4
    if mask[5] and draws.random() < 0.3:
        return 5
    return int(draws.integers(6)) if draws.random() < 0.1 else int(draws.choice(np.flatnonzero(mask)))


def policy(name, env, observation, draws):
    n = env.action_space.n
    if name.startswith("taxi"):
        return taxi_action(env, draws)
    if name.startswith("cart_pole") and draws.random() < 0.9:
        # A controller that keeps the pole up for a while.
        return int(observation[2] + 0.3 * observation[3] > 0)
    if name == "mountain_car" and draws.random() < 0.9:
        return 2 if observation[1] >= 0 else 0
    if name == "acrobot" and draws.random() < 0.9:
        return 2 if observation[5] >= 0 else 0
    return int(draws.integers(n))


def trace(name, make, seed):
    env = make()
    draws = np.random.default_rng([seed, 1])
    observations, actions, rewards, flags = [], [], [], []
    observation, _ = env.reset(seed=seed)
    observations.append(observation)
    for _ in range(STEPS):
        action = policy(name, env, observation, draws)
        observation, reward, terminated, truncated, _ = env.step(action)
        actions.append(action)
        observations.append(observation)
        rewards.append(float(reward))
        flags.append(terminated + 2 * truncated)
        if terminated or truncated:
            observation, _ = env.reset()
            observations.append(observation)
    observations = np.array(observations)
    small = np.float32 if observations.dtype == np.float32 else np.int64
    return {
        "seed": np.array([seed], np.float64),
        "actions": np.array(actions, np.int64),
        "observations": observations.astype(small),
        "rewards": np.array(rewards, np.float64),
        "flags": np.array(flags, np.int64),
    }


def spaces(out):
    """Draws of the spaces, all from one seed."""
    kinds = {
        "discrete": Discrete(7, start=-3),
        "box": Box(np.array([-1, 0, 5], np.float32), np.array([1, 2, 9], np.float32)),
        "multi_discrete": MultiDiscrete([3, 5, 11]),
        "multi_binary": MultiBinary(6),
    }
    for name, space in kinds.items():
        space.seed(11)
        drawn = np.array([np.atleast_1d(space.sample()) for _ in range(50)])
        out[f"space/{name}"] = drawn.astype(np.float64)
    space = Discrete(6)
    space.seed(5)
    mask = np.array([0, 1, 0, 1, 1, 0], np.int8)
    out["space/masked"] = np.array([[space.sample(mask=mask)] for _ in range(50)], np.float64)


def main(path):
    out = {}
    for name, make in CASES.items():
        for number, seed in enumerate(SEEDS):
            for key, value in trace(name, make, seed).items():
                out[f"{name}/{number}/{key}"] = value
        law = getattr(make().unwrapped, "P", None)
        if law is not None:
            rows = [
                (s, a, *outcome) for s in law for a in law[s] for outcome in law[s][a]
            ]
            out[f"{name}/table"] = np.array(rows, np.float64)
    for size in (4, 6, 8):
        for seed in range(5):
            rows = generate_random_map(size, 0.7, seed)
            out[f"map/{size}/{seed}"] = np.frombuffer("".join(rows).encode(), np.uint8)
    spaces(out)
    texts = {}
    for name, seed, actions in [("frozen_lake", 3, [1, 2]), ("cliff", 0, [0, 1]), ("taxi", 4, [0, 4])]:
        env = gym.make(CASES[name]().spec.id, render_mode="ansi")
        env.reset(seed=seed)
        text = env.render()
        for action in actions:
            env.step(action)
            text += env.render()
        texts[name] = text
    for name, text in texts.items():
        out[f"text/{name}"] = np.frombuffer(text.encode(), np.uint8)
    np.savez_compressed(path, **out)


if __name__ == "__main__":
    main(sys.argv[1])
