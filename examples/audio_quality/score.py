"""STOI and PLCMOS of recordings, piece by piece.

Reads from standard input a list of jobs, `{"said": WAV, "heard": WAV, "pieces": [{"said": SAMPLE, "heard": SAMPLE}], "len":
SAMPLES}`, mono at 16 kHz, and writes for each the means over its pieces, `{"stoi": .., "plcmos": ..}`. STOI (pystoi)
compares with what was said; PLCMOS v2 (speechmos, Microsoft's model) judges what was heard alone.
"""

import json
import multiprocessing
import os
import sys
import wave

# One thread for each of the processes below.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy
import onnxruntime

RATE = 16_000
session = onnxruntime.InferenceSession


def on_one_thread(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return session(path, options)


# speechmos makes its session with as many threads as there are cores, and the processes here would fight for them.
onnxruntime.InferenceSession = on_one_thread

from pystoi import stoi
from speechmos import plcmos


def read(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2), path
        return numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16).astype(numpy.float32) / 32768


def score(job):
    said, heard = read(job["said"]), read(job["heard"])
    scores = []
    for piece in job["pieces"]:
        clean = said[piece["said"] : piece["said"] + job["len"]]
        played = heard[piece["heard"] : piece["heard"] + job["len"]]
        scores.append((float(stoi(clean, played, RATE)), float(plcmos.run(played, sr=RATE)["plcmos"])))
    if not scores:
        return {"stoi": None, "plcmos": None}
    stois, moses = zip(*scores)
    return {"stoi": sum(stois) / len(stois), "plcmos": sum(moses) / len(moses)}


if __name__ == "__main__":
    jobs = json.load(sys.stdin)
    with multiprocessing.Pool() as pool:
        done = []
        for scores in pool.imap(score, jobs):
            done.append(scores)
            print(f"\r{len(done)} of {len(jobs)} recordings", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    json.dump(done, sys.stdout)
