/**
 * The flags of `deno task train`.
 *
 * @module
 */
import { DATASETS } from "../../src/data/catalog.ts";
import { isModule } from "../../src/data/own_data.ts";
import { ARCHITECTURES } from "../../src/model/architectures.ts";
import { LARS_CLIPS } from "../../src/model/lars.ts";
import { OPTIMIZERS } from "../../src/model/optimizer.ts";
import { METHOD_NAMES } from "../../src/model/methods/methods.ts";
import { XLA_CHOICES } from "../../src/engine/engine.ts";
import { SCHEDULES } from "../../src/model/schedule.ts";
import { PRESETS, TRAIN_DEFAULTS } from "../../src/train/choices.ts";
import type { Command } from "./flags.ts";
import { ENGINE_FLAG, PRECISION_FLAG, WORKERS_FLAG } from "./main.ts";

const D = TRAIN_DEFAULTS;

/** The command line of `deno task train`. */
export const command: Command = {
  usage: "deno task train [flags]",
  about: "Trains an encoder, by EMP-SSL (arXiv 2304.03977) or --method, and " +
    "writes a run's folder:\nconfig.json, metrics.jsonl and a checkpoint after each epoch.",
  flags: {
    data: {
      type: "text",
      choices: Object.keys(DATASETS),
      or: { value: "FILE.ts", is: isModule },
      help:
        `data set, or a module of yours (default ${D.data}: generated, needs no files)`,
    },
    "data-options": {
      type: "text",
      value: "JSON",
      help: "options of your module, or parquet's columns: image, label",
    },
    "data-dir": {
      type: "text",
      value: "DIR",
      help: "folder of the data set (default: where we download it to)",
    },
    "data-url": {
      type: "text",
      value: "URL",
      help: "mirror of its archive; append #md5=… where the file is another",
    },
    "no-download": { type: "switch", help: "take only what is on disk" },
    classes: {
      type: "text",
      value: "FILE",
      help:
        "imagenet100: its classes, one a line (default: CMC's list, as in " +
        "the paper and solo-learn)",
    },
    cache: {
      type: "text",
      value: "DIR",
      help: "keep decoded images here, shrunk to twice the patch size",
    },
    "cache-limit": {
      type: "number",
      value: "GB",
      help: "gigabytes that --cache may take on disk (default: no limit)",
    },
    method: {
      type: "text",
      choices: METHOD_NAMES,
      help: "SSL method (default emp-ssl)",
    },
    "method-options": {
      type: "text",
      value: "JSON",
      help: "other constants of the method, such as '{\"temperature\": 0.1}'",
    },
    preset: {
      type: "text",
      choices: Object.keys(PRESETS),
      help:
        "choices that go together; paper: as published, the default; fast: " +
        "Muon, fewer patches and more steps, for 32 × 32 pixels and " +
        "(default) tinyimagenet",
    },
    epoch: {
      type: "number",
      help: `passes over the data (default ${D.epoch}; shapes 1)`,
    },
    "max-steps": {
      type: "number",
      help:
        "length of the run in steps, in place of --epoch: the learning rate " +
        "falls to zero there; 0 keeps the weights of --init, to evaluate them",
    },
    bs: {
      type: "number",
      help:
        "images per batch (default 100; shapes 20; tinyimagenet 50; other " +
        "methods 256, on shapes 200)",
    },
    "num-patches": {
      type: "number",
      help:
        `patches per image (default ${D.numPatches}; tinyimagenet 10; the ` +
        "paper: 20 to 200; other methods take 2 views)",
    },
    "patch-size": {
      type: "text",
      value: "N[,N@SHARE…]",
      help:
        "side of a patch in pixels (default 32; shapes 16; tinyimagenet 64; " +
        "224 where the shorter side of an image is over 96); " +
        "16,32@0.75: 16, and 32 after 75 % of the run",
    },
    recipe: {
      type: "text",
      value: "FILE.json|cifar|imagenet",
      help:
        "how patches are cut and augmented (default: the architecture's); " +
        "a list in the file has a recipe for each view of a method",
    },
    "crop-scale": {
      type: "text",
      value: "LOW,HIGH",
      help:
        "share of an image's area that a crop has (default 0.25,0.25; other " +
        "methods: their own)",
    },
    "no-color": {
      type: "switch",
      help: "no colour jitter, no random grayscale",
    },
    "patch-sim": {
      type: "number",
      help: `weight of the invariance (default ${D.patchSim})`,
    },
    tcr: {
      type: "number",
      help: `weight of the coding rate (default ${D.tcr})`,
    },
    eps: { type: "number", help: `the paper's squared ε (default ${D.eps})` },
    arch: {
      type: "text",
      choices: Object.keys(ARCHITECTURES),
      help: "architecture (default: follows from the data)",
    },
    model: {
      type: "text",
      value: "JSON",
      help: "changes of the architecture: depth, stem, stemPadding, width, " +
        "hidden, embedding, channels",
    },
    channels: {
      type: "number",
      help: "channels of an image: 1 grey, 3 colour, to 16 of TIFF and .npy",
    },
    bits: {
      type: "number",
      help: "bits of a channel: 8 or 16 (default 8; a module: its own)",
    },
    lr: {
      type: "number",
      help:
        `highest learning rate (default ${D.lr}; other methods: their own, ` +
        "in proportion to the batch)",
    },
    schedule: {
      type: "text",
      choices: SCHEDULES,
      help: "how the learning rate falls to zero (default cosine)",
    },
    "warm-up": {
      type: "text",
      value: "N|N%",
      help: "warm-up of the learning rate: epochs, or a share of the run " +
        "(default: none; other methods 10%, VICReg at least 150 steps)",
    },
    "lars-clip": {
      type: "text",
      choices: LARS_CLIPS,
      help:
        "LARS clips at the current learning rate (default, as published) or " +
        "at the initial one (default of --preset fast)",
    },
    optimizer: {
      type: "text",
      choices: OPTIMIZERS,
      help:
        "the method's published one (default; EMP-SSL: LARS), or Muon for the " +
        "filters of convolutions (default of --preset fast)",
    },
    "weight-decay": {
      type: "number",
      help: "weight decay (default: the method's; EMP-SSL 1e-4)",
    },
    momentum: {
      type: "number",
      help: "momentum of the optimiser (default 0.9)",
    },
    eta: {
      type: "number",
      help: "trust coefficient of LARS (default: the method's; EMP-SSL 0.005)",
    },
    seed: {
      type: "number",
      help: `seed of weights, order and augmentation (default ${D.seed})`,
    },
    workers: WORKERS_FLAG,
    "limit-images": {
      type: "number",
      help:
        "use only N training images: a random choice, the same for any seed",
    },
    probe: {
      type: "text",
      value: "N|epoch",
      help: "kNN accuracy on 500 test images after each N steps or epoch",
    },
    strict: {
      type: "switch",
      help:
        "end at the first image that cannot be read (default: replace up to 1 %)",
    },
    engine: ENGINE_FLAG,
    precision: PRECISION_FLAG,
    "micro-batch": {
      type: "text",
      value: "N|auto",
      help: "patches per image in one micro-batch (default auto: by free " +
        "memory)",
    },
    resume: {
      type: "text",
      value: "DIR|auto",
      help:
        "resume a run exactly: its folder; auto: the newest in runs/ with these " +
        "choices, else a new run",
    },
    init: {
      type: "text",
      value: "FILE",
      help:
        "start from the weights of a .safetensors file: ours, or a ResNet " +
        "with torchvision's names",
    },
    "save-every": {
      type: "text",
      value: "N|Nm",
      help: "checkpoint after N steps or minutes, besides each epoch",
    },
    keep: { type: "number", help: `checkpoints to keep (default ${D.keep})` },
    threads: { type: "number", help: "threads of TensorFlow (default: all)" },
    xla: {
      type: "text",
      choices: XLA_CHOICES,
      help:
        "compile TensorFlow's step by XLA (default auto: on a GPU, if faster)",
    },
    replicas: {
      type: "text",
      value: "N|auto",
      help: "replicas in this process; auto: one for each GPU (default 1)",
    },
    "sync-bn": {
      type: "switch",
      help: "batch norms over the images of all replicas",
    },
    cluster: {
      type: "text",
      value: "HOST:PORT,…",
      help:
        "the processes that train together, this one among them (default: " +
        "from TF_CONFIG or Slurm; none: train alone)",
    },
    task: { type: "number", help: "this process's place in --cluster, from 0" },
    "peer-timeout": {
      type: "number",
      help: "seconds after which a silent process is lost (default 30)",
    },
    dashboard: {
      type: "number",
      value: "PORT",
      without: 4680,
      help: "serve a live page to this machine (default port 4680)",
    },
    tensorboard: {
      type: "switch",
      help: "write event files into the run's folder",
    },
    dir: {
      type: "text",
      value: "DIR",
      help: "the run's folder (default runs/…)",
    },
    msg: {
      type: "text",
      value: "TEXT",
      help: "a note to keep with the run, also in the name of its folder",
    },
    config: {
      type: "text",
      value: "FILE",
      help: "the choices of a run's config.json; other flags change them",
    },
    "print-config": {
      type: "switch",
      help: "get the data, print all choices as JSON, and stop",
    },
  },
  aliases: {
    "batch-size": "bs",
    epochs: "epoch",
    patches: "num-patches",
    note: "msg",
  },
  examples: [
    "deno task train",
    "deno task train --data cifar10 --data-dir cifar-10-batches-bin --epoch 1",
    "deno task train --data folder --data-dir photos --num-patches 40",
    "deno task train --cluster 10.0.0.1:4700,10.0.0.2:4700 --task 0",
  ],
};
