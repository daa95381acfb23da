"""Trains a softmax classifier on handwritten digits, with the standard library only: the training of scripts/quickstart.

train.py --unpack DIGITS.CSV.GZ      writes one file for each image: data/<digit>/<number>.csv
train.py --params PARAMS.JSON        reads all of data/, writes model/weights.json and metrics.json; --rate wins over the file
"""
import argparse
import gzip
import json
import math
import os
import random
import zlib


def unpack(source):
    with gzip.open(source, "rt") as lines:
        for number, line in enumerate(lines):
            *pixels, label = [int(float(cell)) for cell in line.split(",")]
            os.makedirs(f"data/{label}", exist_ok=True)
            with open(f"data/{label}/{number:04}.csv", "w") as image:
                for row in range(8):
                    print(*pixels[8 * row : 8 * row + 8], sep=",", file=image)


def load():
    images = []
    for directory, _, names in sorted(os.walk("data")):
        for name in sorted(names):
            with open(os.path.join(directory, name)) as image:
                pixels = [int(cell) / 16 for line in image for cell in line.split(",")]
            images.append((pixels + [1.0], int(os.path.basename(directory)), name))
    return images


def scores(weights, pixels):
    raw = [sum(w * x for w, x in zip(row, pixels)) for row in weights]
    top = max(raw)
    odds = [math.exp(value - top) for value in raw]
    total = sum(odds)
    return [value / total for value in odds]


def train(parameters):
    images = load()
    # Every fifth image, by a hash of its name, is kept out of the training.
    held_out = [image for image in images if zlib.crc32(image[2].encode()) % 5 == 0]
    seen = [image for image in images if zlib.crc32(image[2].encode()) % 5 != 0]
    order = random.Random(parameters["seed"])
    weights = [[0.0] * 65 for _ in range(10)]
    for _ in range(parameters["epochs"]):
        order.shuffle(seen)
        for pixels, label, _ in seen:
            for digit, probability in enumerate(scores(weights, pixels)):
                step = parameters["rate"] * (probability - (digit == label))
                row = weights[digit]
                for index, pixel in enumerate(pixels):
                    if pixel:
                        row[index] -= step * pixel
    right = sum(max(range(10), key=scores(weights, pixels).__getitem__) == label for pixels, label, _ in held_out)
    os.makedirs("model", exist_ok=True)
    with open("model/weights.json", "w") as file:
        json.dump(weights, file)
    metrics = {"accuracy": round(right / len(held_out), 4), "images": len(seen), "tested": len(held_out)}
    with open("metrics.json", "w") as file:
        json.dump(metrics, file)
    print("trained on", len(seen), "images; accuracy", metrics["accuracy"], "on", len(held_out), "others")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--unpack")
    arguments.add_argument("--params")
    arguments.add_argument("--rate", type=float, help="instead of that of the parameters")
    chosen = arguments.parse_args()
    if chosen.unpack:
        unpack(chosen.unpack)
    else:
        with open(chosen.params) as file:
            parameters = json.load(file)
        if chosen.rate is not None:
            parameters["rate"] = chosen.rate
        train(parameters)
