"""What PyTorch computes for whole layers: writes layers/layers.json and layers/layers.safetensors.

Run with PyTorch and safetensors installed: `python layers.py`. The same seed gives the same files.
Each case has inputs (`param.*` is the layer's state dict), outputs, and gradients of Σ y · cotangent.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(0)
CASES, TENSORS = [], {}


def add(op, attrs, module, inputs, call, grads=()):
    """Runs `call` in float64 and keeps everything as float32."""
    name = f"{op}-{len(CASES):02d}"
    module = module.double()
    for p in module.parameters():
        p.data = (torch.randn_like(p.float()) * 0.5).double()
    given = {f"param.{k}": v.detach().clone() for k, v in module.state_dict().items()}
    given.update(inputs)
    wide = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    wide = {k: v.requires_grad_(k in grads) for k, v in wide.items()}
    out = call(module, **wide)
    found = {}
    cotangents = []
    if grads:
        cotangents = ["y"]
        cotangent = torch.randn(out["y"].shape)
        out["y"].backward(cotangent.double())
        TENSORS[f"{name}/cotangent/y"] = cotangent
        found = {k: wide[k].grad for k in grads}
        found.update({f"param.{k}": p.grad for k, p in module.named_parameters() if p.grad is not None})
    for part, tensors in (("in", given), ("out", out), ("grad", found)):
        for k, v in tensors.items():
            v = v.detach()
            TENSORS[f"{name}/{part}/{k}"] = (v.float() if v.is_floating_point() else v).clone(memory_format=torch.contiguous_format)
    CASES.append(dict(name=name, op=op, attrs=attrs, inputs=list(given), outputs=list(out), grads=list(found),
                      cotangents=cotangents, rtol=5e-4, atol=2e-5))


def attention():
    N, L, S, E, H = 2, 4, 3, 6, 2
    padding = torch.tensor([[False, False, True], [False, False, False]])
    pairs = torch.tensor([[False, True, False]] * L)
    heads = torch.randn(N * H, L, S)
    for batch_first in (False, True):
        shape = (lambda t: (N, t, E)) if batch_first else (lambda t: (t, N, E))
        for key in ("none", "padding", "pairs", "heads"):
            masks = {"padding": {"key_padding_mask": padding}, "pairs": {"attn_mask": pairs},
                     "heads": {"attn_mask": heads, "key_padding_mask": padding.float() * -2}}.get(key, {})
            average = key != "heads"

            def call(m, q, k, v, **masks):
                y, w = m(q, k, v, average_attn_weights=average, **masks)
                bare, _ = m(q, k, v, need_weights=False, **masks)
                return {"y": y, "weights": w, "bare": bare}

            module = torch.nn.MultiheadAttention(E, H, batch_first=batch_first)
            ins = {"q": torch.randn(shape(L)), "k": torch.randn(shape(S)), "v": torch.randn(shape(S)), **masks}
            add("multihead_attention", {"heads": H, "batch_first": batch_first, "average": average}, module, ins, call,
                ["q", "k", "v"])

    def itself(m, q):
        hidden = torch.ones(L, L, dtype=torch.bool).triu(1)
        y, w = m(q, q, q, attn_mask=hidden)
        return {"y": y, "weights": w, "bare": m(q, q, q, attn_mask=hidden, need_weights=False)[0]}

    for shape in ((L, N, E), (L, E)):
        add("multihead_attention", {"heads": H, "causal": True}, torch.nn.MultiheadAttention(E, H, bias=len(shape) == 3),
            {"q": torch.randn(shape)}, itself, ["q"])


def transformers():
    N, T, S, E, H, W = 2, 4, 3, 6, 2, 5
    padding = torch.tensor([[False, False, True], [False, False, False]])
    for norm_first in (False, True):
        for activation in ("relu", "gelu"):
            batch_first = activation == "gelu"
            kw = dict(dim_feedforward=W, dropout=0.0, activation=activation, norm_first=norm_first,
                      batch_first=batch_first)
            attrs = {**kw, "heads": H}
            shape = (lambda t: (N, t, E)) if batch_first else (lambda t: (t, N, E))
            src, tgt = torch.randn(shape(S)), torch.randn(shape(T))

            def encode(m, src, key_padding_mask):
                return {"y": m(src, src_key_padding_mask=key_padding_mask)}

            def decode(m, tgt, memory, key_padding_mask):
                hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
                return {"y": m(tgt, memory, tgt_mask=hidden, memory_key_padding_mask=key_padding_mask)}

            encoder, decoder = torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer
            ins = {"src": src, "key_padding_mask": padding}
            add("encoder_layer", attrs, encoder(E, H, **kw), ins, encode, ["src"])
            stack = torch.nn.TransformerEncoder(encoder(E, H, **kw), 2, torch.nn.LayerNorm(E), enable_nested_tensor=False)
            add("encoder", attrs, stack, ins, encode, ["src"])
            ins = {"tgt": tgt, "memory": src, "key_padding_mask": padding}
            add("decoder_layer", attrs, decoder(E, H, **kw), ins, decode, ["tgt", "memory"])
            stack = torch.nn.TransformerDecoder(decoder(E, H, **kw), 2, torch.nn.LayerNorm(E))
            add("decoder", attrs, stack, ins, decode, ["tgt", "memory"])


def recurrent():
    N, T, I, H = 3, 5, 3, 4
    lengths = [3, 5, 1]
    for kind, cls in (("rnn", torch.nn.RNN), ("lstm", torch.nn.LSTM), ("gru", torch.nn.GRU)):
        for layers, two, batch_first, bias, packed in (
            (1, False, False, True, False), (2, True, True, True, True), (2, True, False, False, True),
            (1, False, True, True, True)):
            kw = dict(num_layers=layers, bidirectional=two, batch_first=batch_first, bias=bias)
            more = {"nonlinearity": "relu"} if kind == "rnn" and layers == 1 else {}
            rows = layers * (2 if two else 1)
            states = {k: torch.randn(rows, N, H) for k in (("h0", "c0") if kind == "lstm" else ("h0",))}

            def call(m, x, **states):
                state = tuple(states.values()) if kind == "lstm" else states["h0"]
                if packed:
                    p = pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=False)
                    y, last = m(p, state)
                    y, _ = pad_packed_sequence(y, batch_first=batch_first, total_length=T)
                else:
                    y, last = m(x, state)
                return {"y": y, **dict(zip(("h", "c"), last if kind == "lstm" else (last,)))}

            x = torch.randn((N, T, I) if batch_first else (T, N, I))
            attrs = {**kw, **more, "input_size": I, "hidden_size": H, **({"lengths": lengths} if packed else {})}
            add(kind, attrs, cls(I, H, **kw, **more), {"x": x, **states}, call, ["x", *states])
    for kind, cls in (("rnn_cell", torch.nn.RNNCell), ("lstm_cell", torch.nn.LSTMCell), ("gru_cell", torch.nn.GRUCell)):
        states = {k: torch.randn(N, H) for k in (("h0", "c0") if kind == "lstm_cell" else ("h0",))}

        def cell(m, x, **states):
            out = m(x, tuple(states.values()) if kind == "lstm_cell" else states["h0"])
            return dict(zip(("y", "c"), out if kind == "lstm_cell" else (out,)))

        add(kind, {"input_size": I, "hidden_size": H}, cls(I, H), {"x": torch.randn(N, I), **states}, cell, ["x", *states])


def running():
    C, steps = 3, 4
    for op, cls, kw in (
        ("batch_norm", torch.nn.BatchNorm2d, dict(momentum=0.1)), ("batch_norm", torch.nn.BatchNorm2d, dict(momentum=None)),
        ("batch_norm", torch.nn.BatchNorm2d, dict(momentum=0.3, affine=False)),
        ("instance_norm", torch.nn.InstanceNorm2d, dict(momentum=0.2, affine=True, track_running_stats=True))):
        def call(m, **batches):
            for x in batches.values():
                y = m(x)
            m.eval()
            out = {"y": y, "evaluated": m(x)}
            return {**out, **{f"buffer.{k}": b for k, b in m.named_buffers()}}

        batches = {f"x{i}": torch.randn(2, C, 3, 2) * (i + 1) + i for i in range(steps)}
        add(op, {**kw, "channels": C}, cls(C, **kw), batches, call, [f"x{steps - 1}"])

    def respond(m, x):
        return {"y": m(x)}

    for size in (2, 3, 5):
        add("local_response_norm", {"size": size, "alpha": 0.7, "beta": 0.6, "k": 1.5},
            torch.nn.LocalResponseNorm(size, 0.7, 0.6, 1.5), {"x": torch.randn(2, 4, 3, 2)}, respond, ["x"])


attention()
transformers()
recurrent()
running()
home = pathlib.Path(__file__).parent / "layers"
home.mkdir(exist_ok=True)
save_file(TENSORS, home / "layers.safetensors")
(home / "layers.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in CASES) + "\n]\n")
print(len(CASES), "cases")
