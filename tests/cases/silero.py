"""What onnxruntime computes with silero-vad's network, for `src/pretrained.rs`.

`python silero.py PACKAGES AUDIO.npy OUT`: PACKAGES is a directory that pip installed silero-vad,
onnxruntime, onnx and safetensors into, AUDIO float32 of whole chunks at 16 kHz.

The package ships two sets of weights for one network, trained differently: those inside its ONNX
files, and silero_vad_16k.safetensors. The ONNX graph runs with both: as it is published, and with
its initializers taken from the safetensors file. For each set SET, `onnx` and `file`, this writes
OUT/SET.safetensors: the weights under the file's names; `probabilities` `[chunks]`; and `state`
`[2, 1, 128]`, the hidden and the cell state after the last chunk.
"""

import pathlib
import sys

packages, audio, out = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
sys.path.insert(0, str(packages))

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

CHUNK, CONTEXT = 512, 64
# What the graph calls the parts of the network, and what the file calls them.
PARTS = {"model.stft.forward_basis_buffer": "stft_conv.weight", "model.decoder.rnn.": "lstm_cell.",
         "model.decoder.decoder.2.": "final_conv."}
PARTS.update({f"model.encoder.{i}.reparam_conv.": f"conv{i + 1}." for i in range(4)})


def name_in_file(name):
    for part, own in PARTS.items():
        if name.startswith(part):
            return own + name[len(part):]
    return None


def run(model):
    """The probability of every chunk and the last state."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    context, state = np.zeros((1, CONTEXT), np.float32), np.zeros((2, 1, 128), np.float32)
    rate, probabilities = np.array(16000, np.int64), []
    for chunk in np.load(audio).reshape(-1, 1, CHUNK):
        given = {"input": np.concatenate([context, chunk], axis=1), "state": state, "sr": rate}
        probability, state = session.run(None, given)
        probabilities.append(probability[0, 0])
        context = chunk[:, -CONTEXT:]
    return {"probabilities": np.array(probabilities, np.float32), "state": state}


data = packages / "silero_vad" / "data"
model = onnx.load(data / "silero_vad_16k_op15.onnx")
weights = {name_in_file(tensor.name): tensor for tensor in model.graph.initializer}
weights.pop(None, None)
file = load_file(data / "silero_vad_16k.safetensors")
assert weights.keys() == file.keys(), (weights.keys(), file.keys())

published = {name: numpy_helper.to_array(tensor) for name, tensor in weights.items()}
save_file({**published, **run(model)}, out / "onnx.safetensors")
for name, tensor in weights.items():
    assert published[name].shape == file[name].shape, name
    tensor.CopyFrom(numpy_helper.from_array(file[name], tensor.name))
save_file({**file, **run(model)}, out / "file.safetensors")
print("onnxruntime", onnxruntime.__version__)
